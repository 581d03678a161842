"""Results of comparisons that packages of implementations carry: found through an entry point, read strictly.

A package registers, in the entry-point group `moe_kb.results`, a callable without arguments that returns the paths
of its result files: YAML, one an implementation and protocol, as `ResultFile` says. What does not meet it is left
out and reported; nothing in a result file is ever executed or rendered as anything but text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from moe_kb import yamlio
from moe_kb.errors import MoeKbError
from moe_kb.paths import RESULTS_GROUP

from .catalogue import installed_catalogue
from .errors import Finding

Number = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=80)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Made(_Strict):
    """Where and with what a run was made."""

    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    commit: str
    """Of the checkout, `+` after it where files differed from it; empty outside one."""
    python: str
    torch: str
    reference_impls: str
    cpu: str
    threads: Annotated[int, Field(ge=1)]


class ResultRun(_Strict):
    """One seed: what was measured at the end, on the way, and how the experts were used; or why it failed."""

    seed: Annotated[int, Field(ge=0)]
    made: Made
    seconds: Number = 0.0
    """Wall-clock time."""
    cpu_seconds: Number = 0.0
    values: dict[Name, Number] = {}
    curve: list[tuple[int, Number]] = []
    """Steps and the protocol's headline metric."""
    loads: dict[Name, list[Number]] = {}
    """For each layer the share of its assignments that each expert was asked to take."""
    error: str = ""

    @model_validator(mode="after")
    def _values_or_an_error(self) -> ResultRun:
        if bool(self.values) == bool(self.error):
            raise ValueError("a run has either values or an error")
        return self


class Params(_Strict):
    """Sizes of the model."""

    total: Annotated[int, Field(ge=0)]
    active: Annotated[int, Field(ge=0)] | None = None
    active_non_embedding: Annotated[int, Field(ge=0)] | None = None


class ResultFile(_Strict):
    """The runs of one implementation, or control, under one protocol."""

    format: Literal[1]
    implementation: Name
    task: Name
    protocol: Name
    group: Literal["matched", "unmatched", "control"]
    why: str = ""
    """Why an unmatched design cannot be matched."""
    causal: Literal["yes", "where nothing is dropped", "no"]
    headline: Name
    """The metric by which designs are compared; `curve` holds it on the way."""
    higher_is_better: bool
    config: dict[str, Any]
    params: Params
    runs: list[ResultRun]


def installed_results() -> tuple[list[ResultFile], list[Finding]]:
    """Every result file of every installed package, and what was wrong with the others.

    A file that names an implementation by an earlier key is given with the key of today.
    """
    results: list[ResultFile] = []
    problems: list[Finding] = []
    catalogue = installed_catalogue()
    for point in sorted(set(entry_points(group=RESULTS_GROUP)), key=lambda point: (point.name, point.value)):
        place = f"entry point {point.name} = {point.value}"
        try:
            paths = [Path(path) for path in point.load()()]
        except (Exception, SystemExit) as error:  # its code is not ours
            reason = f"it cannot be loaded ({type(error).__name__}: {str(error)[:300]})"
            problems.append(Finding("error", place, "entry-point-fails", reason, "Repair or uninstall the package"))
            continue
        for result in read_results(paths, problems):
            key = catalogue.current_key(result.implementation)
            results.append(result.model_copy(update={"implementation": key}))
    return results, problems


def read_results(paths: Iterable[Path], problems: list[Finding]) -> Iterator[ResultFile]:
    """Read result files; each that cannot be read costs only itself."""
    for path in paths:
        try:
            yield ResultFile.model_validate(yamlio.parse(yamlio.read_text(path)))
        except ValidationError as error:
            first = error.errors()[0]
            place = f"{path}: {'.'.join(map(str, first['loc']))}"
            problems.append(Finding("error", place, "result-file", first["msg"], "See moe_kb.lab.results.ResultFile"))
        except MoeKbError as error:
            problems.append(Finding("error", str(path), "result-file", str(error), "Write the file anew"))


def result_rows(result: ResultFile) -> Iterator[tuple[str, dict[str, Any]]]:
    """Table and row of every run and every measurement."""
    for run in result.runs:
        name = f"{result.protocol}/{result.implementation}/{run.seed}"
        yield (
            "result_runs",
            {
                "run": name,
                "implementation": result.implementation,
                "task": result.task,
                "protocol": result.protocol,
                "comparison": result.group,
                "why": result.why or None,
                "causal": result.causal,
                "headline": result.headline,
                "higher_is_better": result.higher_is_better,
                "score": run.values.get(result.headline),
                "seed": run.seed,
                "seconds": run.seconds,
                "cpu_seconds": run.cpu_seconds,
                "params_total": result.params.total,
                "params_active": result.params.active,
                "params_active_non_embedding": result.params.active_non_embedding,
                "config": result.config,
                "loads": run.loads,
                "error": run.error or None,
                **{f"made_{field}": value for field, value in run.made.model_dump().items()},
            },
        )
        for metric, value in run.values.items():
            yield "results", {"run": name, "metric": metric, "step": None, "value": value}
        for step, value in run.curve:
            yield "results", {"run": name, "metric": "curve", "step": step, "value": value}

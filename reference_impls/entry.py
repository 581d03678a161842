"""What is said of one implementation. Importing it does not import torch."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reference_impls.configs.base import RunConfig
from reference_impls.estimate import Estimate, estimate

Family = Literal[
    "token choice",
    "adaptive",
    "assignment",
    "non-trainable",
    "expert choice",
    "dense",
    "soft",
    "merging",
    "hierarchical",
    "several tasks",
]
"""How tokens and experts find each other, in the order to show it in."""

Causality = Literal["yes", "where nothing is dropped", "no"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One implementation.

    Attributes:
        key: what `run` is told.
        name: for people.
        summary: one line.
        family: how tokens and experts find each other.
        year: of the paper that introduced the design.
        designs: keys of the design records that it implements.
        papers: keys of the papers that describe them.
        causal: whether a change of later tokens leaves earlier outputs of the layer as they were.
        oracle: what it was checked against.
        deviations: where it departs from the paper or the authors' code.
        config_class: a pydantic model; every field has bounds, a default and a description.
        gating: the module of `reference_impls.gating` that makes its layers; `checks` has one of the same name.
        gap: what no source at hand defines of that which makes the design itself, for a partial implementation; the
            page says more. What a design takes over from others, such as capacity or a balancing loss, is no gap but
            a deviation.
        clusters: on the clustered task a design `finds` the clusters by learning, or only `uses` what it is told
            or drawn; either way it must beat a dense layer. What `cannot` has its reason on the page.
        beyond: what a token costs beyond the parameters that it is counted to use (whole passes, experts that only
            train), or why that number is not fixed; such a design is compared, and not as one of equal size.
        needs: what the layer must be told of its tokens besides their vectors.
        random_eval: whether chance plays outside training, too, so that two calls differ.
        module: `python -m <module> run <key>` runs it.
    """

    key: str
    name: str
    summary: str
    family: Family
    year: int
    designs: tuple[str, ...]
    papers: tuple[str, ...]
    causal: Causality
    oracle: str
    deviations: tuple[str, ...]
    config_class: type[RunConfig]
    gating: str
    clusters: Literal["finds", "uses", "cannot"] = "finds"
    gap: str = ""
    beyond: str = ""
    needs: tuple[Literal["token_id", "domain", "task"], ...] = ()
    random_eval: bool = False
    module: str = "reference_impls"

    @property
    def status(self) -> Literal["complete", "partial"]:
        """`partial` if the sources leave a part undefined."""
        return "partial" if self.gap else "complete"

    @property
    def tasks(self) -> tuple[str, ...]:
        """What it can be trained on, the default first."""
        return self.config_class.tasks()

    @property
    def page(self) -> str:
        """The implementation's page in Markdown with `$`-delimited LaTeX: its gating module's docstring."""
        source = Path(__file__).parent / "gating" / f"{self.gating}.py"
        return ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""

    def estimate(self, config: RunConfig) -> Estimate:
        """Memory, time and parameters of a run with this config."""
        return estimate(config)

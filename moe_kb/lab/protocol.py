"""What another package provides so that its implementations can be run here.

A package registers, in the entry-point group `moe_kb.implementations`, a callable without arguments that
returns entries; each entry has the attributes of `Entry`. The laboratory starts

    python -m <entry.module> run <entry.key> --config DIR/config.json --run-dir DIR

with standard output and error going to DIR/log.txt. The process writes DIR/events.jsonl (see
`events.schema.json`), ends with exit code 0 when all went well, and takes SIGTERM as the request to
finish: it then writes an `end` event with status `cancelled` and exits with code 130.

The names below are all that the laboratory knows of an implementation. An entry may also have what `Details` lists;
where it does not, nothing is shown of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel

EntryStatus = Literal["complete", "partial"]


@runtime_checkable
class Estimate(Protocol):
    """What one run is expected to need."""

    @property
    def memory_bytes(self) -> int:
        """Peak memory of the process, in bytes."""

    @property
    def seconds(self) -> float:
        """Wall-clock time on two CPU cores, in seconds."""

    @property
    def params_total(self) -> int:
        """Parameters of the model."""

    @property
    def params_active(self) -> int:
        """Parameters that one token meets."""


@runtime_checkable
class Entry(Protocol):
    """One runnable implementation."""

    @property
    def key(self) -> str:
        """Unique name: lower-case letters, digits, `-`, `_` and `.`."""

    @property
    def name(self) -> str:
        """Name for people."""

    @property
    def summary(self) -> str:
        """One or two sentences."""

    @property
    def designs(self) -> Sequence[str]:
        """Keys of the design records that it implements."""

    @property
    def papers(self) -> Sequence[str]:
        """Keys of the papers that it follows."""

    @property
    def status(self) -> EntryStatus:
        """Whether all of the design is there."""

    @property
    def tasks(self) -> Sequence[str]:
        """Names of the tasks that it can be trained on."""

    @property
    def verified_against(self) -> str:
        """What its arithmetic was checked against."""

    @property
    def deviations(self) -> Sequence[str]:
        """Where it differs from the paper or the authors' code, and why."""

    @property
    def config_class(self) -> type[BaseModel]:
        """The pydantic model of its settings, with bounds, units and descriptions."""

    @property
    def module(self) -> str:
        """The module that `python -m` runs."""

    @property
    def page(self) -> str:
        """Its page, as Markdown."""

    def estimate(self, config: Any, /) -> Estimate:
        """Tell what a run with this configuration (a `config_class`) needs."""


@dataclass(frozen=True, slots=True)
class Details:
    """What an entry may say beyond the contract; what it does not say is None."""

    family: str | None = None
    """How tokens and experts find each other; entries are shown by family."""
    year: int | None = None
    """Of the paper that introduced the design."""
    causal: str | None = None
    """`yes` where a change of later tokens leaves earlier outputs as they were; otherwise when it does, or `no`."""
    gap: str | None = None
    """What the sources leave undefined, for a partial implementation."""
    aliases: tuple[str, ...] = ()
    """Earlier keys, by which past runs, result files and addresses may name it."""
    snippet: str | None = None
    """Python that makes its layer and calls it, complete enough to be run as it is."""
    code: tuple[tuple[str, str], ...] = ()
    """Files of its own code, the one that routes in front: name and text of each."""


def dense_control(entry: Entry, config: BaseModel) -> tuple[str, dict[str, Any]] | None:
    """Key and settings of a dense run of equal active size under the same budget, from an entry that offers one.

    An entry may have a method `dense_control` that is given a `config_class` and returns the two. Its code is not ours:
    where it fails, there is none.
    """
    try:
        offer = getattr(entry, "dense_control", None)
        offered = offer(config) if offer else None
        return (str(offered[0]), dict(offered[1])) if offered else None
    except (Exception, SystemExit):
        return None


def details(entry: Entry) -> Details:
    """Read what an entry says beyond the contract. Its code is not ours: what cannot be read counts as not said."""

    def said(name: str, kind: type) -> Any:
        try:
            value = getattr(entry, name, None)
        except (Exception, SystemExit):
            return None
        return value if isinstance(value, kind) and not isinstance(value, bool) and value else None

    aliases = tuple(alias for alias in said("aliases", tuple) or () if isinstance(alias, str))
    code = tuple(
        (str(file[0]), str(file[1])) for file in said("code", tuple) or () if isinstance(file, tuple) and len(file) == 2
    )
    return Details(
        family=said("family", str),
        year=said("year", int),
        causal=said("causal", str),
        gap=said("gap", str),
        aliases=aliases,
        snippet=said("snippet", str),
        code=code,
    )

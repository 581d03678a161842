"""What the laboratory says when something is wrong: findings (data) and errors (exceptions).

Both name the place, the rule that was broken and how to fix it, so that the app and the command line
can show them as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from moe_kb.errors import MoeKbError

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth knowing, before a run starts."""

    severity: Severity
    place: str
    """Where: `config.experts`, `memory`, `entry point demo`."""
    rule: str
    """A short stable name of the rule, such as `unknown-field`."""
    message: str
    fix: str
    settings: tuple[str, ...] = ()
    """Settings that it is about, by the names of their fields."""
    repairs: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """For each of them the nearest values, below and above, with which this is not wrong."""

    def __str__(self) -> str:
        """Join the parts for people."""
        return f"{self.place}: {self.message}. {self.fix}"


class LabError(MoeKbError):
    """Base of every error that the laboratory raises on purpose."""

    def __init__(self, place: str, rule: str, fix: str) -> None:
        """Keep the three parts for programs; the text joins them for people."""
        super().__init__(f"{place}: {rule}. {fix}")
        self.place = place
        self.rule = rule
        self.fix = fix


class HomeError(LabError):
    """The folder of the runs cannot be used."""


class StoreError(LabError):
    """The database of the runs cannot be read or written."""


class UnknownImplementationError(LabError):
    """No implementation of the catalogue has this key."""


class InvalidRunIdError(LabError):
    """The text is not a run id at all."""


class UnknownRunError(LabError):
    """The id is well formed and names no run of this home."""


class ActiveRunError(LabError):
    """The run is queued or under way, and what was asked needs one that has ended."""


class SupervisorError(LabError):
    """The process that supervises the runs could not be started."""


class PreflightError(LabError):
    """The checks before a launch found an error; `findings` has all of them."""

    def __init__(self, implementation: str, findings: Sequence[Finding]) -> None:
        """Take the first error as the text, and keep every finding."""
        first = next(finding for finding in findings if finding.severity == "error")
        super().__init__(f"{implementation}, {first.place}", first.message, first.fix)
        self.findings = tuple(findings)

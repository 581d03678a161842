"""What sources measure of models and print of their sizes, with the layers that the rest is computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from moe_kb.db.reader import Reader
from moe_kb.fields import BENCHMARKS
from moe_kb.queries import evidence
from moe_kb.queries.organisations import renamed

if TYPE_CHECKING:
    from moe_kb.claims.claim import Claim
    from moe_kb.records.architecture import Architecture

UNSTATED = "setting not stated"
_ABOUT = ("organisation", "released", "domain")

Where = tuple[str, str | None]
"""A model and the label of a configuration of it; None for the model as a whole."""


class Condition(NamedTuple):
    """What has to be the same for two scores to be comparable."""

    setting: str
    scope: str
    unit: str


@dataclass(frozen=True, slots=True)
class Score:
    """A score as one source gives it."""

    benchmark: str
    claim: Claim
    row: str | None = None
    """The label of the table row it stands in, which often tells a base model from a tuned one."""

    @property
    def condition(self) -> Condition:
        """What another score must share to be comparable with it."""
        return Condition(self.claim.setting or UNSTATED, self.claim.scope or "", self.claim.unit or "")


@dataclass(frozen=True, slots=True)
class Subject:
    """A configuration, or a model of which none is recorded."""

    record: str
    configuration: str | None
    name: str
    organisation: str | None = None
    released: str | None = None
    domain: str | None = None

    @property
    def label(self) -> str:
        """Name and size."""
        return f"{self.name} {self.configuration}" if self.configuration else self.name

    @property
    def where(self) -> Where:
        """The model and the label of the configuration."""
        return self.record, self.configuration


@dataclass(frozen=True, slots=True)
class Measurements:
    """All that the knowledge base holds on quality, speed and cost of models."""

    subjects: tuple[Subject, ...]
    scores: Mapping[Where, list[Score]]
    recorded: Mapping[Where, Mapping[str, list[Claim]]]
    """By field, the preferred claim at the front."""
    architectures: Mapping[Where, Architecture]

    @property
    def benchmarks(self) -> list[str]:
        """Those with a score, in the usual order."""
        measured = {score.benchmark for scores in self.scores.values() for score in scores}
        return [name for name in BENCHMARKS if name in measured]


def measurements(reader: Reader, recorded_fields: Sequence[str]) -> Measurements:
    """Scores, values of some recorded fields and described layers of every configuration, by name of model."""
    # The records' types take a second to import, and only this needs them.
    from moe_kb.records.architecture import Architecture

    fields = (*BENCHMARKS, *recorded_fields, *_ABOUT)
    claims = evidence.claims(reader, *fields, kind="model:", repeats=False)
    rows = {
        f"{record.removeprefix('table:')}#{row}": label
        for record, row, label in reader.tuples("SELECT record, row, label FROM table_rows")
    }
    scores: dict[Where, list[Score]] = {}
    recorded: dict[Where, dict[str, list[Claim]]] = {}
    about: dict[tuple[Where, str], str] = {}
    for claim in sorted(claims, key=lambda claim: not claim.preferred):
        where = (claim.subject, claim.configuration)
        if claim.field in _ABOUT:
            if claim.preferred:
                about[where, claim.field] = claim.text
        elif claim.number is None:
            continue
        elif claim.field in BENCHMARKS:
            scores.setdefault(where, []).append(Score(claim.field, claim, rows.get(claim.table_row or "")))
        else:
            recorded.setdefault(where, {}).setdefault(claim.field, []).append(claim)
    architectures: dict[Where, Architecture] = {
        (record, label): Architecture.model_validate_json(architecture)
        for record, label, architecture in reader.tuples(
            "SELECT record, label, architecture FROM configurations WHERE architecture IS NOT NULL ORDER BY id"
        )
    }
    subjects = []
    for record, name, labels in _configurations(reader):
        whole: Where = (record, None)
        for label in [*labels, None] if whole in scores or not labels else labels:
            own = {field: about.get(((record, label), field)) or about.get((whole, field)) for field in _ABOUT}
            subjects.append(Subject(record, label, name, **own))
    return Measurements(tuple(renamed(reader, subjects)), scores, recorded, architectures)


def _configurations(reader: Reader) -> list[tuple[str, str, list[str]]]:
    """Every model's full name, name and labels: those its record describes, then those that claims alone name."""
    labels: dict[str, dict[str, None]] = {}
    for record, label in reader.tuples(
        "SELECT record, label FROM (SELECT record, label, 0 AS claimed, position FROM configurations UNION ALL "
        "SELECT DISTINCT subject, configuration, 1, 0 FROM claims WHERE subject LIKE 'model:%' AND NOT repeats "
        "AND configuration IS NOT NULL) ORDER BY claimed, position, label"
    ):
        labels.setdefault(record, {})[label] = None
    return [
        (record, name, list(labels.get(record, ())))
        for record, name in reader.tuples(
            "SELECT record, name FROM records WHERE kind = 'model' ORDER BY name COLLATE NOCASE, year"
        )
    ]

"""Configurations of models with their preferred values, where each was read, and filters over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from moe_kb.db.reader import Reader
from moe_kb.fields import HYPERPARAMETER_WORDS, HYPERPARAMETERS, NOT_REPORTED
from moe_kb.format import citation, year_of
from moe_kb.queries.organisations import renamed


@dataclass(frozen=True, slots=True)
class ConfigurationRow:
    """One configuration: the view `hyperparameters`, what describes it, and where each value was read."""

    record: str
    """Full name of the model."""
    name: str
    """Name of the model."""
    configuration: str
    organisation: str | None
    """By its usual name."""
    released: str | None
    openness: str | None
    released_config: bool
    """Whether its layers were read from a published config.json."""
    numbers: Mapping[str, float | None]
    """By name of `moe_kb.fields.MEASURES`."""
    words: Mapping[str, str | None]
    """By name of `moe_kb.fields.HYPERPARAMETER_WORDS`."""
    places: Mapping[str, str]
    """Field to where its value was read."""
    disputed: Mapping[str, bool]
    """Fields whose sources disagree, to whether a note resolves it."""

    @property
    def label(self) -> str:
        """Name and size."""
        return f"{self.name} {self.configuration}"

    @property
    def id(self) -> str:
        """`<key of the model>|<label>`, as it stands in addresses."""
        return f"{self.record.partition(':')[2]}|{self.configuration}"

    @property
    def year(self) -> int | None:
        """Year of the release."""
        return year_of(self.released)

    @property
    def described_by(self) -> str:
        """What its values rest on."""
        return "released config" if self.released_config else "tables and papers"

    def number(self, name: str) -> float | None:
        """A measure's value."""
        return self.numbers.get(name)

    def group(self, name: str) -> str | None:
        """What a field of `moe_kb.fields.COLOUR_BY` says of it."""
        if name in self.words:
            return self.words[name]
        value = getattr(self, name)
        return None if value is None else str(value)


Row = TypeVar("Row", bound=ConfigurationRow)
_ABOUT = ("organisation", "released", "openness")


def configurations(reader: Reader) -> list[ConfigurationRow]:
    """Every configuration, by name and size."""
    released = {
        (record, label): bool(whole)
        for record, label, whole in reader.tuples("SELECT record, label, released_config FROM configurations")
    }
    places: dict[tuple[str, str], dict[str, str]] = {}
    own: dict[tuple[str, str], dict[str, str]] = {}
    for record, label, field, value, status, source, locator in reader.tuples(
        "SELECT c.subject, c.configuration, c.field, c.value, c.status, s.name, c.locator "
        "FROM claims c LEFT JOIN sources s ON s.key = c.source "
        "WHERE c.preferred AND c.configuration IS NOT NULL AND c.subject LIKE 'model:%'"
    ):
        places.setdefault((record, label), {})[field] = citation(source, locator, status)
        if field in _ABOUT:
            own.setdefault((record, label), {})[field] = value
    disputed: dict[tuple[str, str], dict[str, bool]] = {}
    for record, label, field, resolved in reader.tuples(
        "SELECT subject, configuration, field, resolved FROM disagreements WHERE configuration IS NOT NULL"
    ):
        fields = disputed.setdefault((record, label), {})
        fields[field] = fields.get(field, True) and bool(resolved)
    columns = ("record", "name", "configuration", *_ABOUT, *HYPERPARAMETERS, *HYPERPARAMETER_WORDS)
    found = []
    for row in reader.tuples(
        f"SELECT {', '.join(columns)} FROM hyperparameters ORDER BY name COLLATE NOCASE, params_total, configuration"
    ):
        cells = dict(zip(columns, row, strict=True))
        where = (cells["record"], cells["configuration"])
        about: dict[str, Any] = {field: cells[field] or own.get(where, {}).get(field) for field in _ABOUT}
        total, active = cells["params_total"], cells["params_active"]
        found.append(
            ConfigurationRow(
                **{name: cells[name] for name in ("record", "name", "configuration")},
                **about,
                released_config=released.get(where, False),
                numbers={
                    **{name: cells[name] for name in HYPERPARAMETERS},
                    "active_share": 100 * active / total if active and total else None,
                    "year": year_of(about["released"]),
                },
                words={name: cells[name] for name in HYPERPARAMETER_WORDS},
                places=places.get(where, {}),
                disputed=disputed.get(where, {}),
            )
        )
    return renamed(reader, found)


def select_configurations(
    rows: Iterable[Row],
    *,
    text: str = "",
    openness: Sequence[str] = (),
    organisations: Sequence[str] = (),
    years: tuple[int, int] | None = None,
    released_config: bool = False,
) -> list[Row]:
    """The configurations that pass every filter; an empty filter lets everything pass."""
    wanted = text.casefold().split()

    def passes(row: ConfigurationRow) -> bool:
        said = (
            row.label,
            row.record.partition(":")[2],
            row.organisation,
            row.words.get("router"),
            row.words.get("activation"),
        )
        hay = " ".join(word or "" for word in said).casefold()
        return (
            all(word in hay for word in wanted)
            and (not openness or (row.openness or NOT_REPORTED) in openness)
            and (not organisations or row.organisation in organisations)
            and (years is None or (row.year is not None and years[0] <= row.year <= years[1]))
            and (row.released_config or not released_config)
        )

    return [row for row in rows if passes(row)]


def newest_sized(rows: Iterable[Row], number: int) -> list[Row]:
    """The newest models of which a source gives all and active parameters, each by its largest configuration."""
    known = [row for row in rows if row.released and row.number("params_total") and row.number("params_active")]
    known.sort(key=lambda row: (row.released or "", row.number("params_total") or 0), reverse=True)
    first: dict[str, Row] = {}
    for row in known:
        first.setdefault(row.record, row)
    return list(first.values())[:number]

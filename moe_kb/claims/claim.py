"""The flat form of a claim, as the database stores it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moe_kb.records.measure import parse_measure

if TYPE_CHECKING:
    from moe_kb.records.base import Scalar


@dataclass(slots=True)
class Claim:
    """One value that one source gives for one field of one subject."""

    record: str
    """Full name of the record whose file states it."""
    subject: str
    """Full name of what it is about."""
    configuration: str | None
    field: str
    value: Scalar | list[Scalar]
    source: str
    locator: str | None = None
    printed: str | None = None
    unit: str | None = None
    status: str = "reported"
    counting: str | None = None
    scope: str | None = None
    setting: str | None = None
    table_row: str | None = None
    note: str | None = None
    preferred: bool = False
    repeats: bool = False
    """Whether another claim of the same source says the same already."""

    @property
    def number(self) -> float | None:
        """The value as a number; None for text, lists, and truth values."""
        if isinstance(self.value, (int, float)) and not isinstance(self.value, bool):
            return float(self.value)
        return None

    @property
    def shown(self) -> str:
        """What people read: as printed, except that a derived value is shown as what was derived."""
        if self.printed and self.status != "derived":
            return self.printed
        return "; ".join(map(str, self.value)) if isinstance(self.value, list) else self.text

    @property
    def shown_with_unit(self) -> str:
        """What people read, with its unit where the source does not print it beside the number."""
        return f"{self.shown} {self.unit}" if self.unit and parse_measure(self.shown) is None else self.shown

    @property
    def place(self) -> str:
        """Source and locator in a line."""
        return f"{self.source}, {self.locator}" if self.locator else self.source

    @property
    def text(self) -> str:
        """The value as text; lists as JSON, truth values as true or false."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        if isinstance(self.value, list):
            return json.dumps(self.value, ensure_ascii=False)
        return str(self.value)

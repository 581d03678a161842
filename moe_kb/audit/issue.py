"""An issue: something in the records that a researcher should verify, with an id that outlives reordering."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from moe_kb.claims.claim import Claim


@dataclass(frozen=True, slots=True)
class Waived:
    """Why an issue stands as it is."""

    reason: str
    source: str
    locator: str | None = None

    @property
    def text(self) -> str:
        """The reason with its source, in a line."""
        return f"{self.reason} ({self.source}{f', {self.locator}' if self.locator else ''})"


@dataclass(frozen=True, slots=True)
class Issue:
    """What a rule found out about a record.

    The id is made of the rule, the record, the configuration, the field and a detail, never of values or of an order,
    so that a waiver holds as long as the issue is the same.
    """

    subject: str
    """Full name of the record it is about."""
    message: str
    """In one line, with the numbers and where they stand."""
    configuration: str | None = None
    """Configuration."""
    field: str | None = None
    detail: str | None = None
    """What tells it from others of the same rule, record and field: a setting, a source, another record."""
    claims: tuple[Claim, ...] = ()
    """The claims concerned."""
    sources: tuple[str, ...] = ()
    """Keys of the sources concerned; those of the claims need not be named."""
    others: tuple[str, ...] = ()
    """Full names of further records concerned; the issue shows on their pages too."""
    rule: str = ""
    """`family/name`; the runner fills it in."""
    waived: Waived | None = None

    @property
    def id(self) -> str:
        """Stable id: `rule/kind:key#configuration/field=detail`."""
        marked = (("#", self.configuration), ("/", self.field), ("=", self.detail))
        return f"{self.rule}/{self.subject}" + "".join(f"{mark}{text}" for mark, text in marked if text)

    @property
    def short_id(self) -> str:
        """Eight digits that stand for the id where there is little room; `moe-kb audit` takes them for it."""
        return hashlib.sha256(self.id.encode()).hexdigest()[:8]

    @property
    def family(self) -> str:
        """The family of its rule."""
        return self.rule.partition("/")[0]

    @property
    def open(self) -> bool:
        """Whether nobody has waived it."""
        return self.waived is None

    @property
    def cited(self) -> tuple[str, ...]:
        """Keys of all sources concerned, each once."""
        return tuple(dict.fromkeys([*(claim.source for claim in self.claims), *self.sources]))

    @property
    def records(self) -> set[str]:
        """Full names of the records on whose pages it belongs; a table's, where one of its rows is concerned."""
        rows = {claim.table_row.partition("#")[0] for claim in self.claims if claim.table_row}
        return {self.subject, *self.others, *(f"table:{table}" for table in rows)}

    def concerns(self, record: str) -> bool:
        """Whether it belongs on a record's page."""
        return record in self.records

    def as_data(self) -> dict[str, Any]:
        """The issue as plain data, for JSON."""
        data = asdict(self)
        return {"id": self.id, "short_id": self.short_id, "rule": data.pop("rule"), **data, "sources": list(self.cited)}

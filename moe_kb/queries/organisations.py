"""Organisations by the one name that each is shown under."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from moe_kb.db.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable

Row = TypeVar("Row", bound=Any)  # a frozen dataclass with a field `organisation`


def usual_names(reader: Reader) -> dict[str, str]:
    """Every spelling of `data/organisations.yaml` to the name that is shown."""
    return dict(reader.tuples("SELECT spelling, name FROM organisations"))


def renamed(reader: Reader, rows: Iterable[Row]) -> list[Row]:
    """The rows with their organisation by its usual name, so that it has one filter and one colour.

    A name that the table lacks stays as it is; the audit names it.
    """
    usual = usual_names(reader)
    return [
        replace(row, organisation=usual[row.organisation])
        if usual.get(row.organisation, row.organisation) != row.organisation
        else row
        for row in rows
    ]

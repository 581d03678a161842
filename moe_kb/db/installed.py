"""Rows about what installed packages bring: implementations, and results of comparisons."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def installed_implementations() -> list[dict[str, str | None]]:
    """Rows of the catalogue's entries; what a package breaks is left out here and reported by the laboratory."""
    from moe_kb.lab.catalogue import installed_catalogue  # imports the packages: only where a database is built
    from moe_kb.lab.protocol import details

    columns = ("key", "name", "status", "summary", "verified_against")
    rows = []
    for entry in installed_catalogue().entries:
        known = details(entry)
        row = {"designs": "; ".join(entry.designs), "code": json.dumps(known.code), "snippet": known.snippet}
        rows.append(row | {name: getattr(entry, name) for name in columns})
    return rows


def installed_result_rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """Table and row of every result that an installed package carries; a broken file is left out, `doctor` names it."""
    from moe_kb.lab.results import installed_results, result_rows

    for result in installed_results()[0]:
        for table, row in result_rows(result):
            yield table, {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}

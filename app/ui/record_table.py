"""Tables as HTML: names are links, headings sort, rows can be ticked, and all of it can be read, found and typed to.

Streamlit's own tables are painted on a canvas, in which no browser finds a word and no key opens a link. A component
builds these from plain cells; how they are sorted and what is ticked stands in the address.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, get_args

import streamlit as st

from moe_kb.format import compact

from .address import listed, parameter, unlisted
from .links import address, in_order, is_web, open_record, place_of

_HERE = Path(__file__).parent
_show = st.components.v2.component(
    "moe_kb_record_table",
    css=(_HERE / "record_table.css").read_text(encoding="utf-8"),
    js=(_HERE / "record_table.js").read_text(encoding="utf-8"),
)
#: Rows that can be ticked at once: their keys stand in the address, and servers refuse endless ones.
TICKS = 500
#: Rows that stand on the page whole; longer lists scroll in a box of so many pixels.
ROWS, HEIGHT = 16, 640

Kind = Literal["text", "number", "tags", "check", "link", "found", "curve"]
Colour = Literal["blue", "green", "orange", "red", "violet", "yellow", "gray"]


@dataclass(frozen=True, slots=True)
class Column:
    """How a column of values is headed, ordered and shown.

    The values of `tags` are texts, those of `curve` numbers, those of `found` pieces of a text, each with whether it is
    marked.
    """

    label: str
    kind: Kind = "text"
    help: str = ""
    """Shown at the heading."""
    width: int | None = None
    """Pixels that words are given; without it, what they need within bounds. All else gets what it needs."""
    minor: bool = False
    """Whether it is left out on a phone."""
    digits: str | Callable[[float], str] | None = None
    """How a number is written, as a format (`.1f`) or by a function; otherwise whole, or in four digits."""
    colours: Mapping[str, Colour] = field(default_factory=dict)
    """Of tags, by their text; others are grey."""
    shown: str = "open"
    """What a link is called."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A number in a table, with a sign and a shade that say that sources differ on it."""

    number: float
    text: str
    look: Literal["open", "resolved"]


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def cells_of(row: Any) -> dict[str, Any]:
    """A typed row as a dictionary of the row's own values; `asdict` would copy every list of hundreds of rows."""
    return {name: getattr(row, name) for name in _names(type(row))}


def record_table(
    rows: Sequence[Any],
    columns: Mapping[str, str | Column],
    *,
    key: str,
    alt: str,
    name: str = "name",
    name_label: str = "Name",
    name_width: int | None = None,
    under: str | None = None,
    about: str | None = None,
    height: int | None = None,
    selectable: bool = False,
    known: Collection[str] | None = None,
    sort: str = "sort",
) -> list[str]:
    """A table of records, whose names are links.

    Args:
        rows: Dictionaries or typed rows, each with `record` (full name), the name column, and the columns; where a
            record has several rows, each has an `id` by which it is ticked.
        columns: Column to heading or `Column`, in order.
        key: Unique on the page.
        alt: What the table shows, for screen readers.
        name: The column that holds the record's name.
        name_label: Its heading.
        name_width: Its least width in pixels.
        under: The column shown as a second line under the name.
        about: The column shown while the pointer rests on the name.
        height: Pixels after which the table scrolls; otherwise long ones do after `HEIGHT`.
        selectable: Whether rows can be ticked.
        known: What may be ticked beyond the rows, such as rows that a filter hides; otherwise the rows alone.
        sort: The parameter of the address that says how the table is sorted; each table of a page has its own.

    Returns:
        What is ticked: each row's `id`, or the key of its record, in the order in which they were ticked.
    """
    ids = [str(_value(row, "id") or (_value(row, "record") or "").partition(":")[2]) for row in rows]
    names = [
        {
            "text": str(_value(row, name) or ""),
            "record": record,
            "href": _href(record),
            "under": _value(row, under) if under else None,
            "about": _value(row, about) if about else None,
        }
        for row in rows
        for record in [_value(row, "record")]
    ]
    ticked = _ticked(known if known is not None else set(ids)) if selectable else []
    shown = {column: _column(heading) for column, heading in columns.items()}
    if selectable:  # a list of its own, not one beside something else
        in_order(_sorted_records(rows, {name, *columns}, st.query_params.get(sort, "")))
    _table(
        rows,
        {name: Column(name_label, width=name_width), **shown},
        key=key,
        given={"ids": ids, "names": names, "label": alt, "selectable": selectable, "ticked": ticked, "height": height},
        sort=sort,
    )
    return ticked


def value_table(
    rows: Sequence[Any],
    columns: Mapping[str, str | Column],
    *,
    key: str,
    alt: str,
    pick: str = "",
    sort: str | None = None,
) -> int | None:
    """A table of values, the first of whose columns names what each is of; columns without any value are left out.

    Args:
        rows: Dictionaries or typed rows.
        columns: Column to heading or `Column`, in order.
        key: Unique on the page.
        alt: What the table shows, for screen readers.
        pick: What the button in each row says, if rows have one.
        sort: The parameter of the address that says how the table is sorted, by default one of its own.

    Returns:
        The place of the row whose button is down, if there is one.
    """
    held = [
        name for i, name in enumerate(columns) if i == 0 or any(_value(row, name) not in (None, "") for row in rows)
    ]
    ids = [str(i) for i in range(len(rows))]
    picked = st.session_state.get(f"{key}-picked", "")
    picked = picked if picked in ids else ""
    names = [{"text": str(_value(row, held[0]) or "")} for row in rows]
    _table(
        rows,
        {name: _column(columns[name]) for name in held},
        key=key,
        given={"ids": ids, "names": names, "label": alt, "pick": pick, "picked": picked},
        sort=sort or f"sort-{key}",
    )
    return int(picked) if picked else None


def _table(rows: Sequence[Any], columns: Mapping[str, Column], *, key: str, given: dict[str, Any], sort: str) -> None:
    """The component; the first column holds the names given."""
    ids, names, height = given.pop("ids"), given.pop("names"), given.pop("height", None)
    order = parameter(sort)
    first, *others = columns
    data = {
        "columns": [
            {
                "name": name,
                "label": column.label,
                "kind": "name" if name == first else column.kind,
                "help": column.help,
                "width": column.width,
                "minor": column.minor,
            }
            for name, column in columns.items()
        ],
        "rows": [
            {"id": row_id, "cells": [name, *(_cell(columns[other], _value(row, other)) for other in others)]}
            for row_id, name, row in zip(ids, names, rows, strict=True)
        ],
        "height": height or (HEIGHT if len(rows) > ROWS else None),
        "sort": order if order.removeprefix("-") in columns else "",
        "most": TICKS,
        "ticked": [],
    }
    _show(
        key=key,
        data=data | given,
        on_open_change=partial(_opened, key),
        on_sort_change=partial(_sorted, key, sort),
        on_tick_change=partial(_ticks_changed, key),
        on_pick_change=partial(_picked, key),
    )


def _column(heading: str | Column) -> Column:
    return Column(heading) if isinstance(heading, str) else heading


def _value(row: Any, column: str) -> Any:
    return row.get(column) if isinstance(row, Mapping) else getattr(row, column, None)


def _href(record: str | None) -> str:
    """The relative address of a record's page; empty where no page shows it."""
    place = place_of(record) if record else None
    return address(Path(place[0]).stem, place[1]) if place else ""


def _cell(column: Column, value: Any) -> Any:
    """What the component is told of a cell; None where it is empty."""
    if value is None or value in ("", ()) or (isinstance(value, float) and math.isnan(value)):
        return None
    match column.kind:
        case "number":
            return _number(column, value)
        case "tags":
            texts = [value] if isinstance(value, str) else [str(text) for text in value]
            return [[text, column.colours.get(text, "gray")] for text in texts]
        case "check":
            return bool(value)
        case "link":
            return [column.shown, value] if is_web(value) else None
        case "found":
            return [[text, marked] for text, marked in value]
        case "curve":
            return [float(number) for number in value]
        case _:
            return str(value)


def _number(column: Column, value: float | Marked) -> list[Any]:
    if isinstance(value, Marked):
        return [value.text, value.number, value.look]
    if isinstance(column.digits, str):
        return [format(value, column.digits), value]
    return [(column.digits or partial(compact, suffix=False))(value), value]


def _ticked(known: Collection[str]) -> list[str]:
    asked = dict.fromkeys(unlisted(parameter("tick")))
    return [name for name in asked if name in known][:TICKS]


def _opened(key: str) -> None:
    record = st.session_state[key].open
    if isinstance(record, str):
        open_record(record)


def _sorted_records(rows: Sequence[Any], columns: Collection[str], order: str) -> list[str]:
    """Records in the order in which the browser shows them: by a column, or from its end; without a value, last."""
    column = order.removeprefix("-")
    if column not in columns:
        return [_value(row, "record") for row in rows]
    values = [(_value(row, column), _value(row, "record")) for row in rows]
    empty = [record for value, record in values if value is False or value in (None, "", [])]
    filled = [(_rank(value), record) for value, record in values if value is not False and value not in (None, "", [])]
    filled.sort(key=lambda item: item[0], reverse=order.startswith("-"))
    return [*(record for _, record in filled), *empty]


def _rank(value: Any) -> tuple[int, Any]:
    """What a value is ordered by: numbers as such, and in words, whose case does not count."""
    if isinstance(value, Marked):
        value = value.number
    if isinstance(value, int | float):
        return 0, value
    words = value if isinstance(value, str) else ", ".join(map(str, value))
    parts = re.split(r"(\d+)", words.casefold())
    return 1, [int(part) if i % 2 else part for i, part in enumerate(parts)]


def _sorted(key: str, name: str) -> None:
    _written(name, str(st.session_state[key].sort or ""))


def _ticks_changed(key: str) -> None:
    ticked = st.session_state[key].tick
    _written("tick", listed(map(str, ticked)) if ticked else "")


def _picked(key: str) -> None:
    st.session_state[f"{key}-picked"] = st.session_state[key].pick


def _written(name: str, value: str) -> None:
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


#: Colours of the values of a vocabulary, in its order.
COLOURS: tuple[Colour, ...] = get_args(Colour)


def colours(vocabulary: Sequence[str]) -> dict[str, Colour]:
    """A colour for each value of a vocabulary; the same ones come round again after the last."""
    return {value: COLOURS[i % (len(COLOURS) - 1)] for i, value in enumerate(vocabulary)}

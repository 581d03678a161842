"""Pictures in the page: their text can be selected and found, and nothing in them acts.

Streamlit's own ways show an SVG as an image, without text, or strip it. So a component parses what `moe_kb.pictures`
wrote, which holds record text as text only, and keeps nothing but what pictures are made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from moe_kb.format import with_year
from moe_kb.kb import KnowledgeBase
from moe_kb.pictures.svg import Picture
from moe_kb.queries.designs import Gate

from .address import in_address
from .base import cached
from .links import in_order, open_record

_HERE = Path(__file__).parent
_show = st.components.v2.component(
    "moe_kb_pictures",
    css=(_HERE / "pictures.css").read_text(encoding="utf-8"),
    js=(_HERE / "pictures.js").read_text(encoding="utf-8"),
)
#: Cards that a gallery draws before it is asked for the rest.
FIRST = 24


def _opened(key: str) -> None:
    record = st.session_state[key].open
    if isinstance(record, str):
        open_record(record)


def _pictures(
    items: Sequence[Mapping[str, Any]], *, key: str, grid: bool = False, saved: Mapping[str, str] | None = None
) -> None:
    _show(key=key, data={"items": list(items), "grid": grid, "saved": saved}, on_open_change=partial(_opened, key))


def _link(record: str, name: str) -> dict[str, str]:
    kind, _, key = record.partition("#")[0].partition(":")
    return {"name": name, "record": f"{kind}:{key}", "href": f"{kind}?key={key}"}


def _file(record: str) -> str:
    """Name of a record's picture as a file, without its ending."""
    return record.partition(":")[2].replace("#", "-").replace("/", "-")


def picture(kb: KnowledgeBase, record: str, *, key: str) -> None:
    """A design, or a model's layers, in the size that there is room for.

    Args:
        kb: The knowledge base.
        record: As `KnowledgeBase.picture` takes it.
        key: Unique on the page.
    """
    small, large = (cached(KnowledgeBase.picture, kb, record, size=size, theme="page") for size in ("card", "page"))
    item = {"svg": small.svg, "wide": large.svg, "file": _file(record)}
    if record.startswith("model:"):  # whose picture does not say its name; a file has to
        item["saved"] = cached(KnowledgeBase.poster, kb, (record,), theme="light").svg
    _pictures([item], key=key)


def drawing(picture: Picture, *, key: str) -> None:
    """A picture as small as it was made, without what takes it along."""
    _pictures([{"svg": picture.svg}], key=key)


def comparison(kb: KnowledgeBase, names: Mapping[str, str], *, key: str, file: str) -> None:
    """Designs, or models, beside each other with what differs lit; a click on a name opens its page.

    Args:
        kb: The knowledge base.
        names: What stands over each picture, by record as `KnowledgeBase.picture` takes it.
        key: Unique on the page.
        file: Name of the poster of all as a file, without its ending.
    """
    shown = cached(KnowledgeBase.pictures, kb, tuple(names), theme="page")
    items = [
        {"svg": drawn.svg, "file": _file(record), **_link(record, name)}
        for (record, name), drawn in zip(names.items(), shown, strict=True)
    ]
    sheet = cached(KnowledgeBase.poster, kb, tuple(names), theme="light")
    _pictures(items, key=key, grid=True, saved={"svg": sheet.svg, "file": file})


def gallery(kb: KnowledgeBase, gates: Sequence[Gate], *, key: str) -> None:
    """Cards of designs with name and number of users; a click on a name opens the design."""
    in_order(gate.record for gate in gates)
    every = len(gates) <= FIRST or st.toggle(f"Show all {len(gates)}", **in_address("all", False))
    shown = gates if every else gates[:FIRST]
    _pictures(
        [
            {
                "svg": cached(KnowledgeBase.picture, kb, gate.record, size="card", theme="page").svg,
                **_link(gate.record, with_year(gate.name, gate.year)),
                "note": f"{gate.users} user{'' if gate.users == 1 else 's'}",
            }
            for gate in shown
        ],
        key=key,
        grid=True,
    )


def lineage(kb: KnowledgeBase, *, key: str, whole: bool = False) -> None:
    """The poster, at the size of its text or as a whole; a click on a name opens the design or model."""
    poster = cached(KnowledgeBase.picture, kb, "lineage", theme="page", links=True)
    _pictures([{"svg": poster.svg, "file": "lineage", "poster": True, "fit": whole}], key=key)

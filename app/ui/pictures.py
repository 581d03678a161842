"""Pictures of designs in the page: their text can be selected and found, and nothing in them acts.

Streamlit's own ways show an SVG as an image, without text, or strip it. So a component parses what `moe_kb.pictures`
wrote, which holds record text as text only, and keeps nothing but what pictures are made of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from moe_kb.format import with_year
from moe_kb.kb import KnowledgeBase
from moe_kb.queries.designs import Gate

from .address import in_address
from .base import cached
from .links import open_record

_HERE = Path(__file__).parent
_show = st.components.v2.component(
    "moe_kb_pictures",
    css=(_HERE / "pictures.css").read_text(encoding="utf-8"),
    js=(_HERE / "pictures.js").read_text(encoding="utf-8"),
)
#: Cards that a gallery draws before it is asked for the rest.
FIRST = 24


def _theme() -> str:
    return "dark" if st.context.theme.type == "dark" else "light"


def _opened(key: str) -> None:
    record = st.session_state[key].open
    if isinstance(record, str):
        open_record(record)


def _pictures(items: Sequence[Mapping[str, Any]], *, key: str, grid: bool = False) -> None:
    _show(key=key, data={"items": list(items), "grid": grid}, on_open_change=partial(_opened, key))


def _link(record: str, name: str) -> dict[str, str]:
    return {"name": name, "record": record, "href": f"design?key={record.partition(':')[2]}"} if name else {}


def design_picture(
    kb: KnowledgeBase, record: str, *, key: str, lit: Collection[str] = (), card: bool = False, name: str = ""
) -> None:
    """How a gating design routes; on a wide page with every property, else as a card.

    Args:
        kb: The knowledge base.
        record: The design's full name.
        key: Unique on the page.
        lit: Properties to highlight.
        card: Whether it is a card whatever the width.
        name: Stands above it and leads to the design's page.
    """
    marked = tuple(sorted(lit))
    small, large = (
        cached(KnowledgeBase.picture, kb, record, size=size, theme=_theme(), lit=marked) for size in ("card", "page")
    )
    item = {"svg": small.svg, "file": record.partition(":")[2], **_link(record, name)}
    _pictures([item if card else {**item, "wide": large.svg}], key=key)


def gallery(kb: KnowledgeBase, gates: Sequence[Gate], *, key: str) -> None:
    """Cards of designs with name and number of users; a click on a name opens the design."""
    every = len(gates) <= FIRST or st.toggle(f"Show all {len(gates)}", **in_address("all", False))
    shown = gates if every else gates[:FIRST]
    theme = _theme()
    _pictures(
        [
            {
                "svg": cached(KnowledgeBase.picture, kb, gate.record, size="card", theme=theme).svg,
                **_link(gate.record, with_year(gate.name, gate.year)),
                "note": f"{gate.users} user{'' if gate.users == 1 else 's'}",
            }
            for gate in shown
        ],
        key=key,
        grid=True,
    )


def lineage(kb: KnowledgeBase, *, key: str) -> None:
    """The poster; a click on a name opens the design or model."""
    poster = cached(KnowledgeBase.lineage_picture, kb, theme=_theme(), links=True)
    _pictures([{"svg": poster.svg, "file": "lineage", "poster": True}], key=key)

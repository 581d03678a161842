"""Tables of records, claims and comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from moe_kb.claims.claim import Claim
from moe_kb.format import joined
from moe_kb.kb import KnowledgeBase
from moe_kb.queries.designs import User
from moe_kb.records import Record

from .base import plain
from .links import open_record, record_link, source_name, source_text, source_url

#: Colours of tags in tables, one per value in the vocabulary's order.
TAGS = ["blue", "orange", "green", "violet", "red", "yellow", "gray", "blue", "orange", "green", "violet", "red"]


def record_table(
    rows: Sequence[Any],
    columns: dict[str, Any],
    *,
    key: str,
    alt: str,
    name: str = "name",
    name_label: str = "Name",
    height: int | str = "auto",
    name_width: Any = None,
    selectable: bool = False,
) -> None:
    """A sortable table of records; a click on a name opens the record.

    Args:
        rows: Dictionaries or typed rows, each with `record` (full name), the name column, and the columns.
        columns: Column to heading or `st.column_config`, in order.
        key: Unique on the page.
        alt: What the table shows, for screen readers.
        name: The column that holds the record's name.
        name_label: Its heading.
        height: Pixels or `auto`.
        name_width: Width of the name column.
        selectable: Whether rows can be ticked; what is ticked is in the session state under `key`.
    """
    frame = pd.DataFrame(
        [{column: _cell(row, column) for column in (name, *columns)} for row in rows], columns=[name, *columns]
    )
    opener = st.column_config.ButtonColumn(
        name_label,
        key=f"{key}-open",
        type="tertiary",
        alignment="left",
        pinned=True,
        width=name_width,
        help="Click a name to open its page",
    )
    st.dataframe(
        frame,
        hide_index=True,
        column_config={name: opener, **columns},
        key=key,
        alt=alt,
        height=height,
        placeholder="",
        on_select="rerun" if selectable else "ignore",
        selection_mode="multi-row",
    )
    click = st.session_state.get(f"{key}-open")
    if click is not None and click.row is not None and 0 <= click.row < len(rows):
        open_record(_cell(rows[click.row], "record"))


def _cell(row: Any, column: str) -> Any:
    return row.get(column) if isinstance(row, Mapping) else getattr(row, column)


def claims_table(kb: KnowledgeBase, claims: Sequence[Claim], *, key: str) -> None:
    """Every claim with its unit, precision and source; the preferred one at the front of its field."""
    rows = []
    for claim in claims:
        rows.append(
            {
                "shown": claim.preferred,
                "configuration": claim.configuration,
                "field": claim.field,
                "value": claim.shown,
                "exact": claim.text if claim.text != claim.shown else None,
                "unit": claim.unit,
                "status": claim.status,
                "condition": joined(claim.setting, claim.scope, claim.counting) or None,
                "source": source_name(kb, claim.source, claim.locator),
                "link": source_url(kb, claim.source),
                "note": claim.note,
            }
        )
    frame = pd.DataFrame(rows).dropna(axis="columns", how="all")
    st.dataframe(
        frame,
        hide_index=True,
        key=key,
        alt="Claims with their sources",
        placeholder="",
        column_config={
            "shown": st.column_config.CheckboxColumn("Preferred", help="The value shown where there is room for one"),
            "configuration": "Configuration",
            "field": "Field",
            "value": "As printed",
            "exact": "Value",
            "unit": "Unit",
            "status": "Status",
            "condition": "Condition",
            "source": st.column_config.TextColumn("Source", width="medium"),
            "link": st.column_config.LinkColumn("Link", display_text="open"),
            "note": "Note",
        },
    )


def user_line(kb: KnowledgeBase, user: User) -> None:
    """Who uses a design, with what and where it is said."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        record_link(user.record, user.label)
        st.caption(
            (f"{plain(user.detail)} · " if user.detail else "")
            + source_text(kb, user.source, user.locator)
            + (" (derived)" if user.status == "derived" else "")
        )


def differing(name: str, differs: bool) -> str:
    """Markdown of a row's name in a comparison; rows that differ are bold and marked."""
    return f"≠ **{plain(name)}**" if differs else plain(name)


def compared(kb: KnowledgeBase, value: str | None, note: str | None, place: str | None) -> str:
    """Markdown of a cell in a comparison: the value, its condition, and where it was read."""
    if value is None:
        return ""
    source, _, locator = (place or "").partition(", ")
    parts = [f"**{plain(value)}**", plain(note or ""), f":gray[{source_text(kb, source, locator)}]" if source else ""]
    return "  \n".join(part for part in parts if part)


def provenance(kb: KnowledgeBase, record: Record) -> None:
    """Which fields of a record were read where, and its file, folded away."""
    with st.expander("Where this record's fields were read", icon=":material/fact_check:"):
        for proof in record.provenance:
            st.markdown(f"- {plain(', '.join(proof.fields))}: {source_text(kb, proof.source, proof.locator)}")
        st.caption(f"File: `{kb.path_of(record.reference)}`")

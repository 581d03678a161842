"""Tables of records, claims and comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from moe_kb.claims.claim import Claim
from moe_kb.csv_text import NOTE
from moe_kb.exporters.tables_text import FORMS
from moe_kb.format import joined
from moe_kb.kb import KnowledgeBase
from moe_kb.queries.designs import User
from moe_kb.queries.values import covers
from moe_kb.records import Record

from .address import listed
from .base import cached, plain
from .links import cite_value, json_button, page, record_link, source_name, source_text, source_url, sourced
from .record_table import Column, value_table

#: Forms of a table to take along, with the ending of a file, and what each is called.
ENDINGS = {"markdown": "md", "latex": "tex", "csv": "csv"}
FORM_NAMES = {"markdown": "Markdown", "latex": "LaTeX", "csv": "CSV"}


def data_table(rows: Any, columns: Mapping[str, Any], *, key: str, alt: str, **given: Any) -> Any:
    """A wide table of values without records, on a canvas; tables of records are `record_table`s.

    Args:
        rows: Dictionaries, dataclasses or a styled frame.
        columns: Column to heading or `st.column_config`.
        key: Unique on the page.
        alt: What the table shows, for screen readers.
        given: Arguments of `st.dataframe`.
    """
    frame = pd.DataFrame(rows) if isinstance(rows, list) else rows
    settings = {"hide_index": True, "placeholder": "", **given}
    return st.dataframe(frame, key=key, alt=alt, column_config=columns, **settings)


def text_table(rows: Sequence[Mapping[str, str]], alt: str) -> None:
    """A small table of text from records."""
    shown = [{plain(key): plain(value) for key, value in row.items()} for row in rows]
    st.table(shown, border="horizontal", hide_index=True, alt=alt)


def every_claim(kb: KnowledgeBase, record: str) -> None:
    """An expander with every claim of a record, which are looked up when it is opened."""
    with st.expander("Every claim", icon=":material/list:", on_change="rerun", key="every-claim") as every:
        if every.open:
            claims_table(kb, cached(KnowledgeBase.claims, kb, record), key="claims")


def claims_table(kb: KnowledgeBase, claims: Sequence[Claim], *, key: str) -> None:
    """Every claim with its unit, precision and source; the preferred one at the front of its field."""
    rows = [
        {
            "field": claim.field,
            "shown": claim.preferred,
            "configuration": claim.configuration,
            "value": claim.shown,
            "exact": claim.text if claim.text != claim.shown else None,
            "unit": claim.unit,
            "status": claim.status,
            "condition": joined(claim.setting, *covers(claim)) or None,
            "source": source_name(kb, claim.source, claim.locator),
            "link": source_url(kb, claim.source),
            "note": claim.note,
        }
        for claim in claims
    ]
    picked = value_table(
        rows,
        {
            "field": "Field",
            "shown": Column("Preferred", "check", help="The value shown where there is room for one"),
            "configuration": "Configuration",
            "value": Column("As printed", width=150),
            "exact": "Value",
            "unit": "Unit",
            "status": Column("Status", minor=True),
            "condition": "Condition",
            "source": Column("Source", width=220),
            "link": Column("Link", "link"),
            "note": Column("Note", width=220),
        },
        key=key,
        alt="Claims with their sources",
        pick="Cite",
    )
    if picked is not None:
        cite_value(kb, claims[picked])


def copies(kb: KnowledgeBase, columns: Sequence[str], rows: Sequence[Sequence[str | None]], name: str) -> None:
    """A table to take along: as Markdown, LaTeX and CSV, to copy and to download."""
    with st.popover("Copy as Markdown, LaTeX, CSV", icon=":material/content_copy:"):
        form = st.segmented_control(
            "Form", list(ENDINGS), format_func=FORM_NAMES.get, default="markdown", key=f"copy-{name}", required=True
        )
        text = FORMS[form](columns, rows, kb.note)
        st.code(text, language={"csv": None}.get(form, form), wrap_lines=False, height=300)
        file = {"file_name": f"{name}.{ENDINGS[form]}", "mime": "text/plain", "icon": ":material/download:"}
        st.download_button(f"Download .{ENDINGS[form]}", text, key=f"copied-{name}", on_click="ignore", **file)
        st.caption(f"From {plain(kb.note)}." + (f" {NOTE}" if form == "csv" else ""))


def user_line(kb: KnowledgeBase, user: User) -> None:
    """Who uses a design, with what and where it is said."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        record_link(user.record, user.label)
        st.caption(sourced(kb, user, note=user.detail))


#: Records that can be compared at once.
MOST = 6


def compare_button(ticked: Sequence[str], table: str, *, kind: str) -> None:
    """Opens the comparison of what is ticked.

    Args:
        ticked: What is ticked, by its name in the address of the comparison.
        table: Key of the table.
        kind: `design` or `model`.
    """
    ready = 2 <= len(ticked) <= MOST
    label = f"Compare {len(ticked)}" if ready else "Tick two or more to compare them"
    if len(ticked) > MOST:
        label = f"{len(ticked)} ticked: at most six can be compared"
    if st.button(
        label,
        key=f"{table}-compare",
        icon=":material/compare:",
        disabled=not ready,
        type="primary" if ready else "secondary",
    ):
        chosen = {"kind": kind} if kind != "design" else {}
        st.switch_page(page("compare"), query_params={**chosen, "keys": listed(ticked)})


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
    json_button(kb, record.reference)

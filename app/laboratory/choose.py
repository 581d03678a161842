"""Choosing an implementation: the catalogue by family with a search, or the one that the address names."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
import ui

from moe_kb.lab import Entry, Lab, browsing, details

from .set_up import STATUS, set_up
from .several import compare_link
from .shared import offered


def choose(lab: Lab) -> None:
    """The catalogue, or the form of the implementation chosen."""
    entries = offered(lab)
    if not entries:
        return
    asked = st.query_params.get("implementation")
    if asked:
        asked = lab.current_key(asked)  # an address may have an earlier key
    if asked in entries:
        # A link from this page to itself changes what is shown, but not the browser's address: write it once more.
        st.query_params["implementation"] = asked
        set_up(lab, another(entries))
        return
    if asked:
        st.info(f"There is no implementation {ui.plain(repr(asked[:80]))}. These can be run:", icon=":material/info:")
    browse(entries)


def another(entries: Mapping[str, Entry]) -> Entry:
    """The implementation chosen, and the way to another: back to all, or by typing."""
    ordered = [entry.key for members in browsing.search(entries.values()).values() for entry in members]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = ui.select(
            "Implementation",
            "implementation",
            {key: browsing.choice_label(entries[key]) for key in ordered},
            None,
            width=560,
            help="Type a part of a name, a year or a family.",
        )
        st.button("All implementations", on_click=leave, icon=":material/apps:", type="tertiary", key="all")
        compare_link(key)
    return entries[key]


def leave() -> None:
    """Back to the catalogue."""
    st.query_params.pop("implementation", None)


def browse(entries: Mapping[str, Entry]) -> None:
    """Every implementation by family: a link to each, with its summary, year, status and tasks."""
    known = browsing.families(entries.values())
    text = ui.search("words of a name or summary, a year, a task, partial", width=560)
    counts = {family: len(members) for family, members in browsing.search(entries.values(), text).items()}
    families = {family: f"{family.capitalize()} {counts.get(family, 0)}" for family in known}
    wanted = ui.pills("Family", "family", families, bare=True)
    found = browsing.search(entries.values(), text, wanted)
    if not found:
        ui.empty("No results.", "Use fewer words, or another family.")
    for family, members in found.items():
        st.header(ui.plain(family.capitalize()), anchor=False)
        if family in browsing.FAMILIES:
            st.caption(browsing.FAMILIES[family])
        with st.grid(min_column_width=290, row_height="content"):
            for entry in members:
                card(entry)


def card(entry: Entry) -> None:
    """One implementation in the catalogue."""
    known = details(entry)
    with st.container(border=True, gap="xxsmall", height="stretch"):
        ui.record_link(f"implementation:{entry.key}", entry.name)
        st.caption(ui.plain(entry.summary))
        badges = (
            f":gray-badge[{known.year}]" if known.year else "",
            STATUS[entry.status],
            f":gray-badge[{ui.plain(', '.join(entry.tasks))}]",
            ":violet-badge[not causal]" if browsing.causality(known) else "",
        )
        st.markdown(" ".join(filter(None, badges)))

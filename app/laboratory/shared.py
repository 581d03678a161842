"""What the parts of the Lab page share: the laboratory, times in words, ways between its views."""

from __future__ import annotations

import time

import streamlit as st
import ui

from moe_kb.lab import Entry, Lab, LabError, details

POLL_SECONDS = 1.5
MAX_RUNS = 200
SHOWN = {"lost": "crashed"}  # what a status is called, where it is not its name


@st.cache_resource(max_entries=4, show_spinner=False)
def laboratory(home: str) -> Lab:
    """The laboratory of a folder, one for all sessions."""
    return Lab(home)


def names_of(lab: Lab) -> dict[str, str]:
    """What the implementations are called, by key, earlier keys included."""
    named = {entry.key: entry.name for entry in lab.catalogue()}
    return named | {alias: entry.name for entry in lab.catalogue() for alias in details(entry).aliases}


def offered(lab: Lab) -> dict[str, Entry]:
    """The implementations by key; what could not be loaded, and an empty catalogue, are said."""
    entries = {entry.key: entry for entry in lab.catalogue()}
    for problem in lab.problems():
        st.warning(ui.plain(str(problem)), icon=":material/extension_off:")
    if not entries:
        ui.empty("Nothing can be run.", "Install a package with implementations: pip install 'moe-kb[lab]'.")
    return entries


def complain(error: LabError) -> None:
    """The place, the rule and the fix."""
    st.error(ui.plain(f"{error.rule}. {error.fix}"), title=ui.plain(error.place), icon=":material/error:")


def duration(seconds: float | None) -> str:
    """Seconds, minutes or hours in words."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(seconds: float | None) -> str | None:
    """A point in time, UTC."""
    return None if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def show_run(run_id: str) -> None:
    """Put a run into the address, which shows it."""
    st.query_params["run"] = run_id


def leave_run() -> None:
    """Take the run out of the address."""
    if "run" in st.query_params:
        del st.query_params["run"]


def leave_to(view: str) -> None:
    """Go from a run to another view."""
    leave_run()
    st.query_params["view"] = view

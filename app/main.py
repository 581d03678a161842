"""The app's entrance: the server with its guard, and the navigation over the pages that it serves.

Run it with `moe-kb app`, which starts the server in this folder so that `.streamlit/config.toml` counts. Streamlit
finds the name `app` in this file and serves it; for every view of a page it runs the file anew as a script.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path

import guard
import streamlit as st
import ui

from moe_kb.errors import MoeKbError

#: File, title, icon, what the page is for. Pages without an icon are reached from other pages only.
VISIBLE = (
    ("overview", "Overview", ":material/home:", "What is here, when models appeared, and ways in."),
    ("taxonomy", "Taxonomy", ":material/account_tree:", "How the surveys order the field, to click through."),
    ("papers", "Papers", ":material/article:", "Search and filter the papers."),
    ("designs", "Designs", ":material/alt_route:", "Gating designs compared, and the other components."),
    ("models", "Models", ":material/deployed_code:", "Configurations of models, every value with its source."),
    ("trends", "Trends", ":material/trending_up:", "How the designs of released models moved over time."),
    ("trade_offs", "Trade-offs", ":material/scatter_plot:", "Models by quality, speed and cost."),
    ("size", "Size", ":material/straighten:", "What models cost: parameters, operations, memory, traffic."),
    ("systems", "Systems", ":material/dns:", "Frameworks and evaluations."),
    ("evidence", "Evidence", ":material/leaderboard:", "Runnable designs compared under one budget."),
    ("query", "Query", ":material/database:", "Ask the database in SQL."),
    ("lab", "Lab", ":material/science:", "Run a design and watch it learn."),
)
HIDDEN = (
    ("paper", "Paper"),
    ("design", "Design"),
    ("compare", "Compare"),
    ("model", "Model"),
    ("search", "Search"),
    ("author", "Author"),
    ("axes", "Trade-offs"),  # the former address
)

ICON = str(Path(__file__).parent / "icon.svg")  # a Material icon would be fetched from the net


def show() -> None:
    """The page that the address asks for."""
    st.set_page_config(layout="wide", page_title="moe-kb", page_icon=ICON)

    pages = [
        st.Page(
            ui.page(name),
            title=title,
            icon=icon,
            url_path=name.replace("_", "-"),
            help=purpose,
            default=name == "overview",
        )
        for name, title, icon, purpose in VISIBLE
    ] + [st.Page(ui.page(name), title=title, url_path=name, visibility="hidden") for name, title in HIDDEN]
    page = st.navigation(pages, position="top")
    try:
        ui.stale_banner()
        page.run()
    except MoeKbError as error:
        # Errors that moe-kb raises on purpose name the place, the rule and the fix; a person needs no traceback.
        ui.problem(error)


def give_memory_back() -> None:
    """Have glibc give freed memory back to the system.

    It would keep an arena for every few threads, and a thread runs every view of a page: large results, long freed,
    stayed as hundreds of megabytes.
    """
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-8, 2)  # M_ARENA_MAX
        mallopt(-3, 64 * 1024)  # M_MMAP_THRESHOLD: what is larger is a mapping of its own


if __name__ == "__main__":
    # A browser's request has headers; a test's has none, nor a server.
    if st.context.headers and guard.MARK not in st.context.headers:
        st.error("This server has no guard: start it with `moe-kb app`.", icon=":material/lock:")
        st.stop()
    show()
else:  # imported by the server
    give_memory_back()
    app = st.App(**guard.guarded(__file__))

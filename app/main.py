"""The app's entrance: the server with its guard, and the pages that it serves.

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

DATA, LEARN = "Data", "Learn"

#: Every page; those of a menu in its order. See `ui.Entry` for what is said of each.
PAGES = (
    ui.Entry(
        name="overview",
        title="Overview",
        menu=LEARN,
        purpose="What is here, when models appeared, and ways in.",
        default=True,
    ),
    ui.Entry(
        name="guide",
        title="Which router?",
        menu=LEARN,
        purpose="Six questions, three candidates with pictures, use, evidence, risks and code.",
        at="which-router",
    ),
    ui.Entry(
        name="reading",
        title="Reading routes",
        menu=LEARN,
        purpose="A few works in reading order, with a line why each.",
        shows=("route",),
    ),
    ui.Entry(name="glossary", title="Glossary", menu=LEARN, purpose="Terms of the field, each with its source."),
    ui.Entry(name="news", title="What is new", menu=LEARN, purpose="Models, designs and papers, month by month."),
    ui.Entry(name="tour", title="A tour in four steps", menu=LEARN, purpose="What is here, step by step."),
    ui.Entry(
        name="designs",
        title="Designs",
        menu="Designs",
        purpose="Gating designs compared, and the other components.",
        shows=("component", "show"),
    ),
    ui.Entry(
        name="models", title="Models", menu="Models", purpose="Configurations of models, every value with its source."
    ),
    ui.Entry(name="papers", title="Papers", menu="Papers", purpose="Search and filter the papers."),
    ui.Entry(
        name="size", title="Size", menu="Size", purpose="What models cost: parameters, operations, memory, traffic."
    ),
    ui.Entry(
        name="lab",
        title="Lab",
        menu="Lab",
        purpose="Run a design and watch it learn.",
        shows=("view", "implementation", "run"),
    ),
    ui.Entry(
        name="trends",
        title="Trends",
        menu=DATA,
        purpose="How the designs of released models moved over time.",
        shows=("view",),
    ),
    ui.Entry(name="trade_offs", title="Trade-offs", menu=DATA, purpose="Models by quality, speed and cost."),
    ui.Entry(name="evidence", title="Evidence", menu=DATA, purpose="Runnable designs compared under one budget."),
    ui.Entry(
        name="taxonomy",
        title="Taxonomy",
        menu=DATA,
        purpose="How the surveys order the field, to click through.",
        shows=("node",),
    ),
    ui.Entry(name="systems", title="Systems", menu=DATA, purpose="Frameworks and evaluations.", shows=("view", "key")),
    ui.Entry(name="query", title="Query", menu=DATA, purpose="SQL console over the whole database.", shows=("sql",)),
    # Others lead to these.
    ui.Entry(name="paper", title="Paper", under="papers", shows=("key",)),
    ui.Entry(name="design", title="Design", under="designs", shows=("key",)),
    ui.Entry(name="model", title="Model", under="models", shows=("key",)),
    ui.Entry(
        name="compare",
        title="Compare",
        under=lambda: "models" if st.query_params.get("kind") == "model" else "designs",
        shows=("kind",),
    ),
    ui.Entry(name="search", title="Search", shows=("q",)),
    ui.Entry(name="author", title="Author", under="papers", shows=("name",)),
    ui.Entry(name="axes", title="Trade-offs", under="trade_offs"),  # the former address
    ui.Entry(name="missing", title="No such page", at=guard.MISSING, shows=("page",)),
)
BY_NAME = {entry.name: entry for entry in PAGES}

ICON = str(Path(__file__).parent / "icon.svg")  # a Material icon would be fetched from the net


def show() -> None:
    """The page that the address asks for."""
    st.set_page_config(layout="wide", page_icon=ICON)
    pages = {
        entry.name: st.Page(ui.page(entry.name), title=entry.title, url_path=entry.path, default=entry.default)
        for entry in PAGES
    }
    page = st.navigation(list(pages.values()), position="hidden")
    here = BY_NAME[next(name for name, known in pages.items() if known is page)]
    ui.begin()
    arrived = ui.visited(here)
    ui.bar(BY_NAME, here)
    try:
        ui.stale_banner()
        page.run()
    except MoeKbError as error:
        # Errors that moe-kb raises on purpose name the place, the rule and the fix; a person needs no traceback.
        ui.problem(error)
    if arrived:
        ui.strip(here.shows)


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
    app = st.App(**guard.guarded(__file__, pages=[entry.path for entry in PAGES]))

"""The app's entrance: navigation over the pages, and what every page shares.

Run it with `moe-kb app`, which starts the server in this folder so that `.streamlit/config.toml` counts.
"""

from __future__ import annotations

from pathlib import Path

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
    ("axes", "Trade-offs"),  # the former address
)

ICON = str(Path(__file__).parent / "icon.svg")  # a Material icon would be fetched from the net
st.set_page_config(layout="wide", page_title="moe-kb", page_icon=ICON)

pages = [
    st.Page(
        ui.page(name), title=title, icon=icon, url_path=name.replace("_", "-"), help=purpose, default=name == "overview"
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

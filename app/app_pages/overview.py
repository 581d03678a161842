"""The front page: search, four ways in, what is new, a trend in a sentence, numbers, and the lineage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import plotly.graph_objects as go
import streamlit as st
import ui

from moe_kb.charts import timeline as charts
from moe_kb.kb import KnowledgeBase
from moe_kb.pictures.bars import bars
from moe_kb.queries.lineage import leading_router
from moe_kb.queries.models import newest_sized
from moe_kb.queries.news import News
from moe_kb.queries.timeline import TimelineModel
from moe_kb.settings import repository, view_address

#: Models on the picture, papers in the list, and lines of each kind of news.
MODELS, PAPERS, NEWS = 3, 4, 5
RECORDS = "records"
TIMELINES = {RECORDS: "Records, to today", "timeline-2025": "Survey A, 2025", "survey-a-figure-1": "Survey A, Figure 1"}


# --- ways in -----------------------------------------------------------------------------------------------------


def ways_in(kb: KnowledgeBase, items: Sequence[News]) -> None:
    """Four ways in, each with a picture of what is there."""
    choose, size, find, new = st.columns(4)
    with choose.container(border=True, height="stretch"):
        ui.page_link("guide", "Choose a router")
        if router := leading_router(ui.cached(type(kb).lineage_of_all, kb)):
            ui.drawing(ui.cached(type(kb).picture, kb, router.record, size="card", theme="page"), key="way-router")
            st.caption(f"The router that most recent models use: {ui.record_text(router.record, router.name)}")
    with size.container(border=True, height="stretch"):
        ui.page_link("size", "Size a deployment")
        if models := newest_sized(ui.cached(type(kb).configurations, kb), MODELS):
            ui.drawing(bars(models, theme="page"), key="way-size")
            st.caption("The newest models: all parameters, and in blue those that a token uses.")
    with find.container(border=True, height="stretch"):
        ui.page_link("papers", "Find and cite")
        papers = [item for item in items if item.kind == "paper"][:PAPERS]
        st.markdown("\n".join(f"- {ui.record_text(item.record, item.name)}, {item.year}" for item in papers))
        st.caption("The newest papers. BibTeX of one, or of all that a search finds.")
    with new.container(border=True, height="stretch"):
        ui.page_link("tour", "New here? A tour in four steps")
        st.markdown(
            f"1. A token meets a router\n1. Experts, and who has them\n1. What a model costs\n1. Run one yourself\n\n"
            f"Or read in order: [reading routes]({ui.address('reading', {})}), [glossary]({ui.address('glossary', {})})"
        )


# --- what is new -------------------------------------------------------------------------------------------------


def what_is_new(kb: KnowledgeBase, items: Sequence[News]) -> None:
    """The newest of each kind, and a trend in a sentence."""
    st.header("What is new", anchor=False)
    kinds = [("model", "Models"), ("design", "Designs"), ("paper", "Papers")]
    for column, (kind, label) in zip(st.columns(3), kinds, strict=True):
        found = [item for item in items if item.kind == kind][:NEWS]
        lines = [f"- {ui.record_text(item.record, item.name)}  \n  {_told(item)}" for item in found]
        column.markdown("\n".join([f"**{label}**\n", *lines]))
    ui.page_link("news", "Everything new, month by month")
    if found := ui.cached(type(kb).trend_findings, kb):
        chart = ui.address("trends", {"measure": found[0].measure, "largest": "yes"})
        st.info(f"{ui.plain(found[0].words)} [See the chart]({chart})", icon=":material/trending_up:")


def _told(item: News) -> str:
    """When, and by whom or with what."""
    about = item.organisation if item.kind == "model" else item.dated_by
    return f":gray[{ui.plain(item.period)}{f', {ui.plain(about)}' if about else ''}]"


# --- what is here ------------------------------------------------------------------------------------------------

#: Every number: its name in `moe_kb.queries.overview`, what is counted, the page and query it leads to.
_NUMBERS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("papers", "papers", "papers", {}),
    ("gating", "gating designs", "designs", {}),
    ("others", "other designs", "designs", {"component": "loss"}),
    ("models", "models", "models", {}),
    ("described", "of them with configurations", "models", {}),
    ("configurations", "configurations", "models", {}),
    ("systems", "systems", "systems", {"view": "systems"}),
    ("nodes", "taxonomy nodes", "taxonomy", {}),
    ("implementations", "implementations", "lab", {}),
    ("without", "gating designs that cannot be run yet", "designs", {"runs": "no"}),
    ("sources", "sources", "query", {}),
    ("claims", "claims, each with its source", "query", {}),
    ("differ", "values on which sources differ", "query", {}),
    ("open", "of these disagreements open", "query", {}),
)


def in_numbers(kb: KnowledgeBase, items: Sequence[News]) -> None:
    """What is here in a line, the date and version of the data, and how to cite it."""
    st.header("In numbers", anchor=False)
    counts = ui.cached(type(kb).counts, kb)
    parts = []
    for name, label, page, query in _NUMBERS:
        asked = query or ({"sql": counts[name].sql} if page == "query" else {})
        parts.append(f"[{counts[name].text} {label}]({ui.address(page, asked)})")
    said = "  \n".join(f"{counts[name].text}: `{counts[name].sql}`" for name, *_ in _NUMBERS)
    st.markdown(" · ".join(parts), help=f"{said}  \nA claim that a source makes twice counts once.")
    newest = f", newest entry {ui.plain(items[0].name)} of {ui.plain(items[0].period)}" if items else ""
    changes = f"[Changes]({repository()}/commits)" if repository() else f"[What is new]({ui.address('news', {})})"
    st.caption(
        f"Built from the records on {kb.meta['built'][:10]}{newest}. Data version {ui.plain(kb.version)}. {changes}. "
        "Nothing is silently corrected."
    )
    with st.container(horizontal=True):
        ui.cite_base(kb)
        with st.popover("Add a paper", icon=":material/add:"):
            st.markdown(
                "A paper is one file, `data/papers/<year>/<key>.yaml`.\n\n"
                "1. Copy the file of a paper like it.\n2. Say where each value was read.\n"
                "3. `moe-kb format` and `moe-kb check`.\n4. Open a pull request."
            )
            if contribute := view_address("CONTRIBUTING.md"):
                st.link_button("How to contribute", contribute, icon=":material/menu_book:")
            else:
                st.caption("CONTRIBUTING.md in the repository has an example and the rules.")


# --- pictures below the fold -------------------------------------------------------------------------------------


def timeline_of(kb: KnowledgeBase, table: str) -> list[TimelineModel]:
    """The models of the records, or of a survey's figure."""
    return kb.released() if table == RECORDS else kb.timeline(table)


def timeline_figure(kb: KnowledgeBase, table: str, organisations: tuple[str, ...]) -> go.Figure:
    """The chart of a timeline."""
    return charts.figure(ui.cached(timeline_of, kb, table), organisations)


def growth_figure(kb: KnowledgeBase) -> go.Figure:
    """The chart of papers by year."""
    return charts.growth(kb.papers_by_year())


def show_timeline(kb: KnowledgeBase, timelines: Sequence[str]) -> None:
    """Models through time, of all organisations or of some."""
    which, who = st.columns([1, 2], vertical_alignment="top")
    with which:
        table = ui.segmented("Timeline", "timeline", {key: TIMELINES.get(key, key) for key in timelines})
    models = ui.cached(timeline_of, kb, table)
    everyone = sorted({model.organisation for model in models}, key=str.lower)
    # The address has called it affiliation since the first version.
    with who:
        chosen = tuple(ui.several("Organisation", "affiliation", everyone, placeholder="all organisations"))
    rows = [model for model in models if not chosen or model.organisation in chosen]
    if not rows:
        ui.empty("No results.", "Clear the choice or switch the timeline.")
        return
    with st.container(key="wide-timeline"):
        ui.chart(
            ui.cached(timeline_figure, kb, table, chosen),
            key=f"timeline-{table}",
            opens=True,
            alt="Models in columns by date, open ones above the line and closed ones below, coloured by domain",
        )
    with st.container(key="narrow-timeline"):  # a phone has no room for columns
        periods: dict[str, list[str]] = {}
        for model in rows:
            periods.setdefault(model.period, []).append(ui.record_text(model.record, model.label))
        lines = [f"- **{ui.plain(period)}**: {', '.join(names)}" for period, names in reversed(periods.items())]
        st.markdown("\n".join(lines))
    if table == RECORDS:
        st.caption(
            f"{len(rows)} models by their preferred release dates; of late by half-year, where it is known. Click a "
            "name for the model and the source of its date."
        )
    else:
        record = kb.table(table)
        st.caption(
            f"{len(rows)} models, in the periods that the source draws. Click a name for the model. Source: "
            + ui.source_text(kb, record.source, record.locator)
        )
    with st.expander("As a table"):
        ui.record_table(
            [asdict(model) | {"record": model.record or ""} for model in rows],
            {name: name.capitalize() for name in ("period", "domain", "organisation")}
            | {"openness": "Weights", "name": "Record", "released": "Release date"},
            key="timeline-table",
            alt="The timeline's models",
            name="label",
            name_label="Model",
        )


def show_growth(kb: KnowledgeBase) -> None:
    """Papers by year."""
    ui.chart(ui.cached(growth_figure, kb), key="growth", alt="Bars: papers of each year in the knowledge base")
    st.caption("Papers in this knowledge base, by the year of their publication.")


# --- the page ----------------------------------------------------------------------------------------------------

kb = ui.knowledge_base()
ui.header(
    "Mixture of experts, a living survey",
    "Papers, designs, models and systems, every value with its source, and designs that run.",
)
text = st.text_input(
    "Search everything",
    placeholder="a router, a model, an author, an arXiv address: aux loss free, gpt-oss, Noam Shazeer",
    key="find",
    icon=":material/search:",
)
if text.strip():
    ui.search_for(text.strip())

news = ui.cached(type(kb).news, kb)
ways_in(kb, news)
what_is_new(kb, news)
in_numbers(kb, news)

if ui.cached(type(kb).lineage_of_all, kb).designs:
    st.header("The lineage of gating, from 1991 to today", anchor=False)
    st.caption("Each line is a recorded relation. Point at a design for its relations; click a name to open it.")
    ui.below(partial(ui.lineage, kb, key="lineage", whole=True), key="lineage", height=900)
timelines = [RECORDS] if ui.cached(type(kb).released, kb) else []
timelines += ui.cached(type(kb).timelines, kb)
if timelines:
    st.header("Models through time", anchor=False)
    ui.below(partial(show_timeline, kb, timelines), key="timeline", height=700)
st.header("Papers by year", anchor=False)
ui.below(partial(show_growth, kb), key="growth", height=360)

"""A tour in four steps, each with a picture of what is here and the page where it goes on."""

from __future__ import annotations

from functools import partial

import streamlit as st
import ui

from moe_kb.pictures.bars import bars
from moe_kb.queries.lineage import Descendant, leading_router
from moe_kb.queries.models import newest_sized

kb = ui.knowledge_base()


def step(number: int, title: str, words: str, *, term: str = "") -> None:
    """The heading of a step, with the meaning of a term, and what there is to see."""
    st.header(f"{number}. {title}", anchor=False, help=ui.term(kb, term))
    st.markdown(words)


def routes(router: Descendant) -> None:
    """How tokens flow through the router that is most in use."""
    step(
        1,
        "A token meets a router",
        "A mixture-of-experts layer holds several networks. A router scores them for each token, and the token passes "
        "through the few that score highest. Read the picture from left to right.",
        term="router",
    )
    ui.picture(kb, router.record, key="tour-router")
    users = len(router.adopters)
    st.caption(f"{ui.record_text(router.record, router.name)}, used by {users} model{'' if users == 1 else 's'} here.")
    with st.container(horizontal=True):
        ui.page_link("guide", "Which router suits a model?")
        ui.page_link("designs", "All routers, compared")
        ui.page_link("glossary", "What the words mean")


def layers() -> None:
    """What the newest model with a published configuration is made of."""
    read = [row for row in ui.cached(type(kb).configurations, kb) if row.released_config and row.released]
    if not read:
        return
    newest = max(read, key=lambda row: (row.released or "", row.number("params_total") or 0))
    step(
        2,
        "Models are made of such layers",
        "Attention, then experts, many times over. Every number comes from a source, here from the file that was "
        "released with the weights; where sources differ, both stand in the record.",
        term="MoE layer",
    )
    ui.picture(kb, f"{newest.record}#{newest.configuration}", key="tour-model")
    st.caption(f"{ui.record_text(newest.record, newest.label)}, released {ui.plain(newest.released)}.")
    with st.container(horizontal=True):
        ui.page_link("models", "All models, to compare")
        ui.page_link("trends", "How they changed over the years")


def costs() -> None:
    """All and active parameters of the newest models."""
    models = newest_sized(ui.cached(type(kb).configurations, kb), 3)
    if not models:
        return
    step(
        3,
        "What a model costs",
        "A token uses a part of the parameters, in blue; all of them have to be held in memory. From that follow "
        "devices, batch sizes and tokens per second.",
        term="active parameters",
    )
    with st.container(width=380):
        ui.drawing(bars(models, theme="page"), key="tour-size")
    ui.page_link("size", "Size a deployment")


def runs(router: Descendant | None) -> None:
    """A design that can be run here."""
    step(
        4,
        "Run one yourself",
        "Designs that are written down here also run, on the processor, in minutes: watch the loss fall and the load "
        "even out, and change a setting. From a shell it is one line.",
        term="load",
    )
    implementation = router and ui.cached(type(kb).implementation_of, kb, router.record)
    if implementation:
        st.code(f"moe-kb run {implementation.key}", language="bash")
        ui.page_link("lab", "Run it in the lab", {"implementation": implementation.key})
    else:
        ui.page_link("lab", "Open the lab")
    ui.page_link("evidence", "What the designs do under one budget")


ui.header("A tour in four steps", "What is here, each step with the page where it goes on.")
ui.page_link("overview", "Leave the tour")
router = leading_router(ui.cached(type(kb).lineage_of_all, kb))
if router:
    routes(router)
layers()
ui.below(costs, key="tour-costs", height=260)
ui.below(partial(runs, router), key="tour-runs", height=220)

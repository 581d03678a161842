"""Implementations compared under one budget: a leaderboard with spread, learning curves and loads."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import streamlit as st
import ui

from moe_kb.analysis.leaderboard import CONTROLS, DENSE, GROUPS, Leaderboard, Standing
from moe_kb.analysis.run_metrics import is_share, metric_label
from moe_kb.charts import leaderboard as charts
from moe_kb.kb import KnowledgeBase
from moe_kb.lab.catalogue import installed_catalogue
from moe_kb.queries import results
from moe_kb.queries.results import Protocol

TASKS = {"text": "Text: the next byte", "clusters": "Clusters: points with local rules"}
NUMBERS = ("mean", "error", "dense", "verdict", "seconds", "cpu_seconds", "params_active", "params_total")


def protocol_asked(protocols: list[Protocol]) -> str:
    """A widget for the protocol; two of one task are distinguished by their names."""
    tasks = [held.task for held in protocols]
    labels = {
        held.protocol: TASKS.get(held.task, held.protocol)
        + (f" ({held.protocol})" if tasks.count(held.task) > 1 else "")
        for held in protocols
    }
    return ui.segmented("Task", "protocol", labels, bare=True)


def summary(board: Leaderboard) -> None:
    """How designs stand against a dense layer, how to read it, and how it was made."""
    held = board.protocol
    unranked = sum(standing.group in ("unmatched", "not-causal") for standing in board.standings)
    tiles = [
        ("Ranked designs", board.ranked, f"{unranked} more are not ranked" if unranked else "none is excluded"),
        ("Better than dense", board.count("better"), "by more than two standard errors"),
        ("Tie with dense", board.count("tie"), "within two standard errors"),
        ("Worse than dense", board.count("worse"), "by more than two standard errors"),
        ("Seeds", held.seeds, "the same data for all"),
    ]
    with st.grid(5, min_column_width=170):
        for label, number, words in tiles:
            with st.container(border=True, gap=None):
                st.metric(label, number)
                st.caption(words)
    if held.seeds < 2:
        st.warning(
            "One seed says nothing of the spread: the order below is that of single runs, without ranks or verdicts.",
            icon=":material/casino:",
        )
    with st.expander("How to read this", icon=":material/info:"):
        st.markdown(
            "- Every design had the same data, steps and batches; the widths of its experts were chosen so that as "
            "many parameters work on a token as in the dense control. Where that cannot be done, it is not ranked.\n"
            "- A difference is taken seed by seed and then averaged. Below two standard errors it is a tie.\n"
            "- Rank is 1 and the number of designs that are better by more than that; so two with different ranks may "
            "themselves be a tie.\n"
            "- Where later tokens can reach earlier ones, that alone may explain a low number on text: no rank.\n"
            "- On clusters each design is compared with a dense baseline of its own active width."
        )
    st.caption(
        ui.plain(
            f"{held.seconds / 3600:.1f} hours of runs on {held.made_cpu}, {held.made_threads} "
            f"thread{'s' if held.made_threads > 1 else ''} a run, torch {held.made_torch}, Python {held.made_python}, "
            f"last {held.made_date}, commit {held.made_commit or 'unknown'}. Protocol {held.protocol}."
        )
    )


def columns(held: Protocol) -> dict[str, Any]:
    """Every column of the tables, in order."""
    share = is_share(held.headline)
    score, better = "%.1f" if share else "%.4f", f"{held.better} is better"
    number = st.column_config.NumberColumn
    return {
        "rank": number(
            "Rank", width=58, help="1 and the number of designs that are better by more than two standard errors"
        ),
        "mean": number(
            "Accuracy, %" if held.headline == "accuracy" else metric_label(held.headline, short=True),
            format=score,
            width=104,
            help=f"Mean over seeds; {better}",
        ),
        "error": number("±", format=score, width=68, help="Standard error over seeds"),
        "dense": number(
            "− dense",
            format="%+.1f" if share else "%+.4f",
            width=80,
            help=f"Mean difference, seed by seed, to a dense layer of equal active size; {better}",
        ),
        "verdict": st.column_config.MultiselectColumn(
            "Verdict",
            options=["better", "worse", "tie", "one seed"],
            color=["green", "red", "gray", "yellow"],
            width=82,
            help="Against dense: a tie is a difference below two standard errors",
        ),
        "information": number(
            "Mutual inf. %",
            format="%.0f",
            width=96,
            help="Expert-domain mutual information (of cluster on clusters), of the most possible",
        ),
        "load_cv": number(
            "Spread", format="%.2f", width=66, help="Of the load over experts: coefficient of variation; 0 is even"
        ),
        "dropped": number("Dropped %", format="%.1f", width=82, help="Assignments beyond an expert's capacity"),
        "seconds": number(
            "Wall, s", format="%.0f", width=66, help="Time of a run by the clock, with whatever else the machine did"
        ),
        "cpu_seconds": number(
            "CPU, s", format="%.0f", width=62, help="Processor time of a run: what the clock says of an idle machine"
        ),
        "params_active": number("Active", format="compact", width=66, help="Active parameters without embeddings"),
        "params_total": number("Total", format="compact", width=62, help="All parameters"),
        "trend": st.column_config.LineChartColumn("Learning curve", width=100, help="The score at each validation"),
        "note": st.column_config.TextColumn("Note", width=340),
    }


def line(standing: Standing, factor: float) -> dict[str, Any]:
    """A row as the tables show it."""

    def times(number: float | None, by: float) -> float | None:
        return None if number is None else number * by

    return {
        **asdict(standing),
        "record": standing.record or "",
        "mean": times(standing.mean, factor),
        "error": times(standing.error, factor),
        "dense": times(standing.against_dense and standing.against_dense.mean, factor),
        "verdict": [standing.verdict] if standing.verdict else [],
        "information": times(standing.metrics.get("information"), 100),
        "load_cv": standing.metrics.get("load_cv"),
        "dropped": times(standing.metrics.get("dropped_fraction"), 100),
        "trend": [value for _, value in standing.curve],
        "note": standing.error_text or standing.why or "",
    }


def tables(board: Leaderboard) -> None:
    """A table a group; a note takes the place of what matters less there."""
    known = columns(board.protocol)
    of_group = {
        "ranked": tuple(name for name in known if name != "note"),
        "unmatched": (*NUMBERS, "note"),
        "not-causal": tuple(name for name in known if name not in ("rank", "note")),
        "control": (*NUMBERS, "trend"),
        "failed": ("note",),
    }
    factor = 100.0 if is_share(board.protocol.headline) else 1.0
    for group, title in GROUPS.items():
        rows = [line(standing, factor) for standing in board.standings if standing.group == group]
        if not rows:
            continue
        st.subheader(f"{title} ({len(rows)})", anchor=False)
        ui.record_table(
            rows,
            {name: known[name] for name in of_group[group] if any(row[name] not in (None, "", []) for row in rows)},
            key=f"board-{board.protocol.protocol}-{group}",
            alt=f"{title.partition(':')[0]}: designs with their scores",
            name_label="Design",
            name_width=215,
            height=38 + 35 * min(len(rows), 20),
        )
    if broken := [row for row in board.standings if row.error_text and row.mean is not None]:
        few = (f"{row.name} ({row.seeds} of {board.protocol.seeds} seeds: {row.error_text})" for row in broken)
        st.caption("Some seeds failed: " + ui.plain("; ".join(few)))


def show_charts(kb: KnowledgeBase, board: Leaderboard) -> None:
    """All scores, learning curves of chosen designs, and the load of one's experts."""
    name, headline = board.protocol.protocol, board.protocol.headline
    scored = {standing.implementation: standing for standing in board.standings if standing.mean is not None}

    def current(key: str) -> str:
        return key if key in scored else installed_catalogue().current_key(key)

    if not scored:
        ui.empty("Every run failed.", "The reasons stand above; fix them and run the comparison again.")
        st.stop()
    st.subheader("Scores", anchor=False)
    alt = f"{metric_label(headline)} of every design with its standard error"
    ui.chart(charts.score_chart(board), key=f"scores-{name}", alt=alt)
    dashed = "The dashed line is the dense control. " if DENSE in scored else ""
    st.caption(f"{dashed}Bars are one standard error over seeds.")

    st.subheader("Learning curves", anchor=False)
    best = [key for key, standing in scored.items() if standing.group in ("ranked", "control")]
    names = {key: standing.name for key, standing in scored.items()}
    few = dict.fromkeys([*best[:4], *best[-2:]])
    chosen = ui.several("Designs", "shown", names, few, max_selections=12, current=current)
    if chosen:
        alt = f"{metric_label(headline)} over the steps, a line a design"
        ui.chart(charts.curve_chart(board, chosen), key=f"curves-{name}", alt=alt)
    else:
        ui.empty("No design is chosen.", "Choose designs above to see how they learnt.")

    with_experts = [key for key in scored if key not in CONTROLS]
    if not with_experts:
        return
    st.subheader("Load of the experts", anchor=False)
    design = ui.select("Design", "loads", with_experts, names=names.get, width=420, current=current)
    loads = kb.expert_loads(name, design)
    if loads:
        alt = "Load of each expert in each layer, of an even share"
        ui.chart(charts.loads_chart(loads), key=f"loads-{name}", alt=alt)
        st.caption("Assignments at the last validation of the first seed, as a multiple of an even share (1).")
    else:
        ui.empty("This design reports no loads.", "Choose another.")


kb = ui.knowledge_base()
ui.header("Evidence", "The runnable designs compared under one budget on a small model; a larger one may differ.")
protocols = ui.cached(type(kb).protocols, kb)
if not protocols:
    ui.empty("No comparison has been made yet.", "Run python -m reference_impls bench-designs, then moe-kb build.")
    ui.page_link("lab", "Run a single design in the lab")
    st.stop()
protocol = protocol_asked(protocols)
board = ui.cached(type(kb).leaderboard, kb, protocol)
summary(board)
tables(board)
show_charts(kb, board)
with st.expander("Get the numbers", icon=":material/download:"):
    ui.csv_button(kb.result_runs(protocol), protocol, label="CSV of all runs")
    sql = results.example(protocol)
    st.code(sql, language="sql")
    ui.page_link("query", "Open in the SQL console", {"sql": sql})

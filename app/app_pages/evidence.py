"""Implementations compared under one budget: what that cannot show, findings, a leaderboard, curves and loads."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

import streamlit as st
import ui

from moe_kb.analysis.findings import OUTCOMES, Finding, caveats, findings
from moe_kb.analysis.leaderboard import CONTROLS, DENSE, GROUPS, Group, Leaderboard, Standing
from moe_kb.analysis.run_metrics import is_share, metric_label
from moe_kb.analysis.significance import LEVEL
from moe_kb.charts import leaderboard as charts
from moe_kb.format import compact
from moe_kb.kb import KnowledgeBase
from moe_kb.lab.catalogue import installed_catalogue
from moe_kb.queries import results
from moe_kb.queries.results import Protocol

TASKS = {"text": "Text: the next byte", "clusters": "Clusters: points with local rules"}
#: Outcomes that lead the page; the others are folded away.
FIRST = ("agrees", "differs")


def protocol_asked(protocols: list[Protocol]) -> str:
    """A widget for the protocol; two of one task are distinguished by their names."""
    tasks = [held.task for held in protocols]
    labels = {
        held.protocol: TASKS.get(held.task, held.protocol)
        + (f" ({held.protocol})" if tasks.count(held.task) > 1 else "")
        for held in protocols
    }
    return ui.segmented("Task", "protocol", labels, bare=True)


def limits(board: Leaderboard, found: list[Finding]) -> None:
    """What the comparison cannot show, before any number."""
    if sentences := list(caveats(board, found)):
        with st.container(border=True, gap="xsmall"):
            st.markdown("**What this comparison cannot show**")
            st.markdown("\n".join(f"- {ui.plain(sentence)}" for sentence in sentences))


def show_findings(kb: KnowledgeBase, found: list[Finding]) -> None:
    """The papers' claims, those with an answer first, each with the runs behind it."""
    for outcome, title in OUTCOMES.items():
        rows = [finding for finding in found if finding.outcome == outcome]
        if rows and outcome in FIRST:
            st.header(f"{title} ({len(rows)})", anchor=False)
            findings_table(kb, rows, title)
        elif rows:
            with st.expander(f"{title} ({len(rows)})"):
                findings_table(kb, rows, title)


def findings_table(kb: KnowledgeBase, rows: list[Finding], title: str) -> None:
    """A claim a row, with links to its source, the designs and their learning curves."""
    shown = []
    for finding in rows:
        claim = finding.claim
        curves = ui.address("evidence", {"shown": [claim.design, claim.against]})
        design, against = (ui.record_text(side.record, side.name) for side in (finding.design, finding.against))
        source = f"  \n{ui.source_text(kb, *claim.cites)}" if claim.cites else ""
        row = {"Claim": f"{ui.plain(claim.words)}{source}", "Designs": f"{design}  \nvs {against}"}
        if claim.withdrawn:
            row["Why"] = ui.plain(claim.withdrawn)
        else:
            p = "" if finding.corrected_p is None else f", p {finding.corrected_p:.2g} corrected"
            row["Difference"] = f"**{ui.plain(finding.numbers)}**{p}  \n[learning curves]({curves})"
        shown.append(row)
    st.table(shown, border="horizontal", hide_index=True, alt=f"{title}: claims of papers with the designs compared")


def summary(board: Leaderboard) -> None:
    """How designs stand against a dense layer, how to read it, and how it was made."""
    held = board.protocol
    unranked = sum(standing.group in ("unmatched", "not-causal") for standing in board.standings)
    passing = sum(chance < LEVEL for chance in board.corrected.values())
    corrected = f"{passing} of them pass the correction"
    tiles = [
        ("Ranked designs", board.ranked, f"{unranked} more are not ranked" if unranked else "none is excluded"),
        ("Better than dense", board.count("better"), corrected),
        ("Tie with dense", board.count("tie"), "within two standard errors"),
        ("Worse than dense", board.count("worse"), "by more than two errors"),
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
            "- Rank is the place by mean. Places is how far that can be trusted: from 1 and the number of designs that "
            "are better by more than two standard errors, to the last place that those which are worse leave.\n"
            "- Where later tokens can reach earlier ones, that alone may explain a low number on text: no rank.\n"
            "- On clusters each design is compared with a dense baseline of its own active width."
        )
        st.caption(
            ui.plain(
                f"{held.seconds / 3600:.1f} hours of runs on {held.made_cpu}, {held.made_threads} "
                f"thread{'s' if held.made_threads > 1 else ''} a run, torch {held.made_torch}, Python "
                f"{held.made_python}, last {held.made_date}, commit {held.made_commit or 'unknown'}. "
                f"Protocol {held.protocol}."
            )
        )


def columns(held: Protocol) -> dict[str, Any]:
    """Every column of the tables, in order."""
    share = is_share(held.headline)
    score, better = ".1f" if share else ".4f", f"{held.better} is better"
    number = partial(ui.Column, kind="number")
    return {
        "rank": number("Rank", help="Place by mean among the ranked designs"),
        "places": ui.Column(
            "Places", help="First and last place that differences beyond two standard errors leave open"
        ),
        "mean": number(
            "Accuracy, %" if held.headline == "accuracy" else metric_label(held.headline, short=True),
            digits=score,
            help=f"Mean over seeds; {better}",
        ),
        "error": number("±", digits=score, help="Standard error over seeds"),
        "dense": number(
            "vs dense",
            digits="+.1f" if share else "+.4f",
            help=f"Mean difference, seed by seed, to a dense layer of equal active size; {better}",
        ),
        "dense_error": number("± of it", digits=score, help="Standard error of the difference to dense"),
        "verdict": ui.Column(
            "Verdict",
            "tags",
            colours={"better": "green", "worse": "red", "one seed": "yellow"},
            help="Against dense: a tie is a difference below two standard errors",
        ),
        "information": number(
            "Mutual inf. %",
            digits=".0f",
            help="Expert-domain mutual information (of cluster on clusters), of the most possible",
        ),
        "load_cv": number("Spread", digits=".2f", help="Of the load over experts: coefficient of variation; 0 is even"),
        "dropped": number("Dropped %", digits=".1f", help="Assignments beyond an expert's capacity"),
        "seconds": number(
            "Wall, s", digits=".0f", help="Time of a run by the clock, with whatever else the machine did"
        ),
        "cpu_seconds": number(
            "CPU, s", digits=".0f", help="Processor time of a run: what the clock says of an idle machine"
        ),
        "params_active": number("Active", digits=compact, help="Active parameters without embeddings"),
        "params_total": number("Total", digits=compact, help="All parameters"),
        "trend": ui.Column("Learning curve", "curve", help="The score at each validation"),
        "group": "Group",
        "note": ui.Column("Note", width=280),
    }


def _title(group: Group) -> str:
    return GROUPS[group].partition(":")[0]


def line(standing: Standing, factor: float) -> dict[str, Any]:
    """A row as the tables show it."""

    def times(number: float | None, by: float) -> float | None:
        return None if number is None else number * by

    return {
        **asdict(standing),
        "record": standing.record or "",
        "mean": times(standing.mean, factor),
        "error": times(standing.error, factor),
        "places": "–".join(map(str, dict.fromkeys(standing.places))) if standing.places else "",
        "dense": times(standing.against_dense and standing.against_dense.mean, factor),
        "dense_error": times(standing.against_dense and standing.against_dense.error, factor),
        "verdict": [standing.verdict] if standing.verdict else [],
        "information": times(standing.metrics.get("information"), 100),
        "load_cv": standing.metrics.get("load_cv"),
        "dropped": times(standing.metrics.get("dropped_fraction"), 100),
        "trend": [value for _, value in standing.curve],
        "group": _title(standing.group),
        "note": standing.error_text or standing.why or "",
    }


def table(board: Leaderboard) -> None:
    """Every design in one table, to filter by group, verdict and name."""
    factor = 100.0 if is_share(board.protocol.headline) else 1.0
    rows = [line(standing, factor) for standing in board.standings]
    there = [group for group in GROUPS if any(standing.group == group for standing in board.standings)]
    verdicts = list(dict.fromkeys(standing.verdict for standing in board.standings if standing.verdict))
    first, second, third = st.columns([3, 2, 2])
    with first:
        groups = ui.pills("Groups", "group", {group: _title(group) for group in there})
    with second:
        wanted = ui.pills("Verdict against dense", "verdict", verdicts) if verdicts else []
    with third:
        text = ui.search("part of a design's name").casefold()
    shown = [
        row
        for row, standing in zip(rows, board.standings, strict=True)
        if (not groups or standing.group in groups)
        and (not wanted or standing.verdict in wanted)
        and text in standing.name.casefold()
    ]
    st.caption(
        f"{len(shown)} of {len(rows)} designs and controls. "
        + " ".join(f"{GROUPS[group]}." for group in there if ":" in GROUPS[group])
    )
    if not shown:
        ui.empty("No results.", "Clear a filter.")
    else:
        used = {
            name: column
            for name, column in columns(board.protocol).items()
            if any(row[name] not in (None, "", []) for row in shown)
        }
        ui.record_table(
            shown,
            used,
            key=f"board-{board.protocol.protocol}",
            alt="Designs with their scores",
            name_label="Design",
            height=520,
        )
    if broken := [row for row in board.standings if row.error_text and row.mean is not None]:
        few = (f"{row.name} ({row.seeds} of {board.protocol.seeds} seeds: {row.error_text})" for row in broken)
        st.caption("Some seeds failed: " + ui.plain("; ".join(few)))


#: Ways to look at all designs; an address that names designs for one of them opens it.
VIEWS = {"table": "Table", "scores": "Scores", "curves": "Learning curves", "loads": "Load of the experts"}
NAMED_BY = {"shown": "curves", "loads": "loads"}


def every_design(kb: KnowledgeBase, board: Leaderboard) -> None:
    """All designs, in one of the views."""
    st.header("Every design", anchor=False)
    scored = {standing.implementation: standing for standing in board.standings if standing.mean is not None}
    if not scored:
        ui.empty("Every run failed.", "Fix what the notes say and run the comparison again.")
        table(board)
        return
    usual = next((view for name, view in NAMED_BY.items() if name in st.query_params), "table")
    ui.reads(*NAMED_BY)
    view = ui.segmented("View", "view", VIEWS, usual, bare=True)
    if view == "table":
        table(board)
    elif view == "scores":
        scores(board, scored)
    elif view == "curves":
        curves(board, scored)
    else:
        expert_loads(kb, board, scored)


def current_key(key: str) -> str:
    """Today's key of an implementation that an address may name by an earlier one."""
    return installed_catalogue().current_key(key)


def scores(board: Leaderboard, scored: dict[str, Standing]) -> None:
    """Every score with its spread."""
    alt = f"{metric_label(board.protocol.headline)} of every design with its standard error"
    ui.chart(charts.score_chart(board), key=f"scores-{board.protocol.protocol}", alt=alt)
    dashed = "The dashed line is the dense control. " if DENSE in scored else ""
    st.caption(f"{dashed}Bars are one standard error over seeds.")


def curves(board: Leaderboard, scored: dict[str, Standing]) -> None:
    """Learning curves of chosen designs."""
    best = [key for key, standing in scored.items() if standing.group in ("ranked", "control")]
    names = {key: standing.name for key, standing in scored.items()}
    few = dict.fromkeys([*best[:4], *best[-2:]])
    chosen = ui.several("Designs", "shown", names, few, max_selections=12, current=current_key)
    if chosen:
        alt = f"{metric_label(board.protocol.headline)} over the steps, a line a design"
        ui.chart(charts.curve_chart(board, chosen), key=f"curves-{board.protocol.protocol}", alt=alt)
    else:
        ui.empty("No design is chosen.", "Choose designs above to see how they learnt.")


def expert_loads(kb: KnowledgeBase, board: Leaderboard, scored: dict[str, Standing]) -> None:
    """The load of the experts of one design."""
    with_experts = {key: standing.name for key, standing in scored.items() if key not in CONTROLS}
    if not with_experts:
        ui.empty("No design reports loads.", "Look at another view.")
        return
    name = board.protocol.protocol
    design = ui.select("Design", "loads", with_experts, width=420, current=current_key)
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
found = findings(board)
limits(board, found)
show_findings(kb, found)
summary(board)
every_design(kb, board)
with st.expander("Get the numbers", icon=":material/download:"):
    ui.csv_button(kb.result_runs(protocol), protocol, label="CSV of all runs")
    sql = results.example(protocol)
    st.code(sql, language="sql")
    ui.page_link("query", "Open in the SQL console", {"sql": sql})

"""Implementations compared under one budget: a leaderboard with spread, curves and loads."""

from __future__ import annotations

import pandas as pd
import streamlit as st
import ui
from moe_kb.figures.lab import is_share, metric_label

from moe_kb.figures import evidence

kb = ui.knowledge_base()
ui.header(
    "Evidence",
    "The runnable designs compared under one budget on a small model. What holds at this scale need not hold at a "
    "larger one.",
)
protocols = {row["protocol"]: row for row in ui.cached(evidence.protocols, kb)}
if not protocols:
    ui.empty("No comparison has been made yet.", "Run python -m reference_impls bench-designs, then moe-kb build.")
    ui.page_link("lab", "Run a single design in the lab")
    st.stop()

TASKS = {"text": "Text: the next byte", "clusters": "Clusters: points with local rules"}
tasks = [row["task"] for row in protocols.values()]
protocol = st.segmented_control(
    "Task",
    list(protocols),
    # Two protocols of one task are told apart by their names.
    format_func=lambda name: (
        TASKS.get(protocols[name]["task"], name) + (f" ({name})" if tasks.count(protocols[name]["task"]) > 1 else "")
    ),
    required=True,
    label_visibility="collapsed",
    **ui.in_address("protocol", next(iter(protocols)), list(protocols)),
)
told = protocols[protocol]
headline, better = told["headline"], "higher" if told["higher_is_better"] else "lower"
share = is_share(headline)
rows = ui.cached(evidence.board, kb, protocol)

counts = evidence.summary(rows)
beside = [row for row in rows if row["group"] in ("unmatched", "leaks")]
tiles = [
    ("Ranked designs", counts["ranked"], f"{len(beside)} more stand apart" if beside else None),
    ("Better than dense", counts["better"], "by more than two standard errors"),
    ("Tie with dense", counts["tie"], "within two standard errors"),
    ("Worse than dense", counts["worse"], "by more than two standard errors"),
    ("Seeds", told["seeds"], "the same data for all"),
]
with st.grid(5, min_column_width=170):
    for label, number, words in tiles:
        with st.container(border=True, gap=None):
            st.metric(label, number)
            st.caption(words or "none stands apart")
if told["seeds"] < 2:
    st.warning(
        "One seed tells nothing of the spread: the order below is that of single runs, without ranks or verdicts.",
        icon=":material/casino:",
    )
with st.expander("How to read this", icon=":material/info:"):
    st.markdown(
        "- Every design had the same data, steps and batches; the widths of its experts were chosen so that as many "
        "parameters work on a token as in the dense control. Where that cannot be done, it stands apart.\n"
        "- A difference is taken seed by seed and then averaged. Below two standard errors it is a tie.\n"
        "- Rank is 1 and the number of designs that are better by more than that; so two with different ranks may "
        "themselves be a tie.\n"
        "- Where later tokens can reach earlier ones, a low number on text may be the leak's: no rank.\n"
        "- On clusters each design is set against a dense layer of its own active width, its twin."
    )
st.caption(
    ui.plain(
        f"{told['seconds'] / 3600:.1f} hours of runs on {told['made_cpu']}, {told['made_threads']} "
        f"thread{'s' if told['made_threads'] > 1 else ''} a run, torch {told['made_torch']}, Python "
        f"{told['made_python']}, last {told['made_date']}, commit {told['made_commit'] or 'unknown'}. "
        f"Protocol {protocol}."
    )
)

score = "%.1f" if share else "%.4f"
COLUMNS = {
    "rank": st.column_config.NumberColumn(
        "Rank", width=58, help="1 and the number of designs that are better by more than two standard errors"
    ),
    "mean": st.column_config.NumberColumn(
        "Accuracy, %" if headline == "accuracy" else metric_label(headline, short=True),
        format=score,
        width=104,
        help=f"Mean over seeds; {better} is better",
    ),
    "error": st.column_config.NumberColumn("±", format=score, width=68, help="Standard error over seeds"),
    "dense": st.column_config.NumberColumn(
        "− dense",
        format="%+.1f" if share else "%+.4f",
        width=80,
        help="Mean difference, seed by seed, to a dense layer of equal active size; " + better + " is better",
    ),
    "verdict": st.column_config.MultiselectColumn(
        "Verdict",
        options=["better", "worse", "tie", "one seed"],
        color=["green", "red", "gray", "yellow"],
        width=82,
        help="Against dense: a tie is a difference below two standard errors",
    ),
    "information": st.column_config.NumberColumn(
        "Special. %",
        format="%.0f",
        width=80,
        help="Specialisation: mutual information of expert and domain (or cluster), of the most possible",
    ),
    "load_cv": st.column_config.NumberColumn(
        "Spread", format="%.2f", width=66, help="Of the load over experts: coefficient of variation; 0 is even"
    ),
    "dropped": st.column_config.NumberColumn(
        "Dropped %", format="%.1f", width=82, help="Assignments that found no place in their expert"
    ),
    "seconds": st.column_config.NumberColumn(
        "Wall, s", format="%.0f", width=66, help="Time of a run by the clock, with whatever else the machine did"
    ),
    "cpu_seconds": st.column_config.NumberColumn(
        "CPU, s", format="%.0f", width=62, help="Processor time of a run: what the clock says of an idle machine"
    ),
    "params_active": st.column_config.NumberColumn(
        "Active", format="compact", width=66, help="Active parameters, embeddings left out"
    ),
    "params_total": st.column_config.NumberColumn("Total", format="compact", width=62, help="All parameters"),
    "trend": st.column_config.LineChartColumn("On the way", width=90, help="The score at each validation"),
    "note": st.column_config.TextColumn("Note", width=340),
}
NUMBERS = ("mean", "error", "dense", "verdict", "seconds", "cpu_seconds", "params_active", "params_total")
#: What is said of the rows of each group; a note takes the place of what matters less there.
SHOWN = {
    "ranked": tuple(name for name in COLUMNS if name != "note"),
    "unmatched": (*NUMBERS, "note"),
    "leaks": tuple(name for name in COLUMNS if name not in ("rank", "note")),
    "control": (*NUMBERS, "trend"),
    "failed": ("note",),
}


def line(row: dict) -> dict:
    """A row as the table shows it."""
    factor = 100.0 if share else 1.0
    scaled = {name: None if row[name] is None else row[name] * factor for name in ("mean", "error")}
    return {
        **row,
        **scaled,
        "record": row["record"] or "",
        "dense": row["against_dense"].mean * factor if row["against_dense"] else None,
        "verdict": [row["verdict"]] if row["verdict"] else [],
        "information": None if row.get("information") is None else 100 * row["information"],
        "dropped": None if row.get("dropped_fraction") is None else 100 * row["dropped_fraction"],
        "trend": [value for _, value in row["curve"]],
        "note": row["error_text"] or row["why"] or "",
    }


for group, title in evidence.GROUPS.items():
    members = [line(row) for row in rows if row["group"] == group]
    if not members:
        continue
    st.subheader(f"{title} ({len(members)})", anchor=False)
    ui.record_table(
        members,
        {name: COLUMNS[name] for name in SHOWN[group] if any(row.get(name) not in (None, "", []) for row in members)},
        key=f"board-{protocol}-{group}",
        alt=f"{title.partition(':')[0]}: designs with their scores",
        name_label="Design",
        name_width=215,
        height=38 + 35 * min(len(members), 20),
    )

broken = [row for row in rows if row["error_text"] and row["mean"] is not None]
if broken:
    few = (f"{row['name']} ({row['seeds']} of {told['seeds']} seeds: {row['error_text']})" for row in broken)
    st.caption("Some seeds failed: " + ui.plain("; ".join(few)))
by_key = {row["implementation"]: row for row in rows if row["mean"] is not None}
if not by_key:
    ui.empty("Every run failed.", "The reasons stand above; fix them and run the comparison again.")
    st.stop()
st.subheader("All at a glance", anchor=False)
ui.chart(
    evidence.score_chart(rows, headline),
    key=f"scores-{protocol}",
    alt=f"{metric_label(headline)} of every design with its standard error",
)
if evidence.DENSE in by_key:
    st.caption("The dashed line is the dense control. Bars are one standard error over seeds.")
else:
    st.caption("Bars are one standard error over seeds.")

st.subheader("On the way", anchor=False)
best = [row["implementation"] for row in rows if row["group"] in ("ranked", "control")]
first = [key for key in dict.fromkeys([*best[:4], *best[-2:]]) if key in by_key]
chosen = st.multiselect(
    "Designs",
    list(by_key),
    format_func=lambda key: by_key[key]["name"],
    max_selections=12,
    **ui.in_address("shown", first, list(by_key)),
)
if chosen:
    ui.chart(
        evidence.curve_chart([by_key[key] for key in chosen], headline),
        key=f"curves-{protocol}",
        alt=f"{metric_label(headline)} over the steps, a line a design",
    )
else:
    ui.empty("No design is chosen.", "Choose designs above to see how they learnt.")

with_experts = [key for key in by_key if key not in evidence.CONTROLS]
if with_experts:
    st.subheader("Load of the experts", anchor=False)
    one = st.selectbox(
        "Design",
        with_experts,
        format_func=lambda key: by_key[key]["name"],
        width=420,
        **ui.in_address("loads", with_experts[0], with_experts),
    )
    figure = evidence.loads_chart(kb, protocol, one)
    if figure is None:
        ui.empty("This design reports no loads.", "Choose another.")
    else:
        ui.chart(figure, key=f"loads-{protocol}", alt="Load of each expert in each layer, of an even share")
        st.caption("Assignments at the last validation of the first seed, as a multiple of an even share (1).")

with st.expander("Get the numbers", icon=":material/download:"):
    flat = pd.DataFrame(kb.rows("SELECT * FROM result_runs WHERE protocol = ?", (protocol,)))
    st.download_button(
        "CSV of all runs", flat.to_csv(index=False), f"{protocol}.csv", "text/csv", icon=":material/download:"
    )
    sql = (
        "SELECT implementation, avg(score) AS mean, count(*) AS seeds FROM result_runs\n"
        "WHERE protocol = '{}' GROUP BY 1 ORDER BY 2"
    ).format(protocol.replace("'", "''"))
    st.code(sql, language="sql")
    ui.page_link("query", "Ask for more in SQL", {"sql": sql})

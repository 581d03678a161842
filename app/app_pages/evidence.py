"""Implementations compared under one budget: a leaderboard with spread, curves and loads."""

from __future__ import annotations

import pandas as pd
import streamlit as st
import ui

from moe_kb.figures import evidence
from moe_kb.figures.lab import metric_label

kb = ui.knowledge_base()
ui.header(
    "Evidence",
    "The runnable designs compared under one budget on a small model. Seeds are paired; a difference below two "
    "standard errors is a tie. What holds at this scale need not hold at a larger one.",
)
protocols = {row["protocol"]: row for row in ui.cached(evidence.protocols, kb)}
if not protocols:
    ui.empty("No comparison has been made yet.", "Run python -m reference_impls bench-designs, then moe-kb build.")
    st.stop()

TASKS = {"text": "Text: the next byte", "clusters": "Clusters: points with local rules"}
protocol = st.segmented_control(
    "Task",
    list(protocols),
    format_func=lambda name: TASKS.get(protocols[name]["task"], name),
    required=True,
    label_visibility="collapsed",
    **ui.in_address("protocol", next(iter(protocols)), list(protocols)),
)
told = protocols[protocol]
headline, better = told["headline"], "higher" if told["higher_is_better"] else "lower"
rows = ui.cached(evidence.board, kb, protocol)
st.caption(
    ui.plain(
        f"{told['designs']} rows, {told['seeds']} seeds, {told['seconds'] / 3600:.1f} hours of runs on "
        f"{told['made_cpu']}, {told['made_threads']} thread a run, torch {told['made_torch']}, "
        f"Python {told['made_python']}, last {told['made_date']}, commit {told['made_commit']}. Protocol {protocol}."
    )
)

COLUMNS = {
    "rank": st.column_config.NumberColumn("Rank", width=60, help="Designs that cannot be told apart share a rank."),
    "mean": st.column_config.NumberColumn(
        metric_label(headline), format="%.4f", help=f"Mean over seeds; {better} is better"
    ),
    "error": st.column_config.NumberColumn("± error", format="%.4f", width=80, help="Standard error over seeds"),
    "dense": st.column_config.NumberColumn(
        "Against dense", format="%+.4f", help="Mean difference, seed by seed, to a dense layer of equal active size"
    ),
    "verdict": st.column_config.MultiselectColumn(
        "Verdict",
        options=["better", "worse", "tie", "one seed"],
        color=["green", "red", "gray", "yellow"],
        width=90,
        help="Against dense: a tie is a difference below two standard errors",
    ),
    "information": st.column_config.ProgressColumn(
        "Specialised",
        format="percent",
        min_value=0,
        max_value=1,
        help="Mutual information of expert and domain (or cluster), of the most possible",
    ),
    "load_cv": st.column_config.NumberColumn("Load spread", format="%.2f", help="Coefficient of variation; 0 is even"),
    "dropped_fraction": st.column_config.NumberColumn("Dropped", format="percent", width=80),
    "seconds": st.column_config.NumberColumn("Seconds", format="%.0f", width=80, help="Wall-clock time of a run"),
    "params_active": st.column_config.NumberColumn(
        "Active", format="compact", help="Active parameters, embeddings left out"
    ),
    "params_total": st.column_config.NumberColumn("Total", format="compact", width=80),
    "trend": st.column_config.LineChartColumn("On the way", help="The headline metric at each validation"),
    "note": st.column_config.TextColumn("Note", width=260),
}

for group, title in evidence.GROUPS.items():
    members = [row for row in rows if row["group"] == group]
    if not members:
        continue
    st.subheader(title)
    shown = [
        {
            **row,
            "record": row["record"] or "",
            "dense": row["against_dense"].mean if row["against_dense"] else None,
            "verdict": [row["verdict"]] if row["verdict"] else [],
            "trend": [value for _, value in row["curve"]],
            "note": row["error_text"] or row["why"] or "",
        }
        for row in members
    ]
    columns = {
        name: column for name, column in COLUMNS.items() if any(row.get(name) not in (None, "", []) for row in shown)
    }
    ui.record_table(
        shown,
        columns,
        key=f"board-{protocol}-{group}",
        alt=f"{title}: designs with their scores",
        name_label="Design",
        name_width=210,
        height=min(640, 38 + 35 * len(shown)),
    )

by_key = {row["implementation"]: row for row in rows if row["mean"] is not None}
st.subheader("All at a glance")
ui.chart(
    evidence.score_chart(rows, headline), key="scores", alt=f"{metric_label(headline)} of every design with its spread"
)

st.subheader("On the way")
best = [row["implementation"] for row in rows if row["group"] in ("ranked", "control")]
chosen = st.multiselect(
    "Designs",
    list(by_key),
    default=[key for key in dict.fromkeys([*best[:4], *best[-2:]]) if key in by_key],
    format_func=lambda key: by_key[key]["name"],
    max_selections=12,
    key=f"curves-{protocol}",
)
if chosen:
    ui.chart(
        evidence.curve_chart([by_key[key] for key in chosen], headline),
        key="curves",
        alt="Curves of the designs chosen",
    )
else:
    ui.empty("No design is chosen.", "Choose designs above to see how they learnt.")

st.subheader("Load of the experts")
with_experts = [key for key in by_key if not key.startswith("control-")]
if with_experts:
    one = st.selectbox("Design", with_experts, format_func=lambda key: by_key[key]["name"], key=f"loads-{protocol}")
    figure = evidence.loads_chart(kb, protocol, one)
    if figure is None:
        ui.empty("This design reports no loads.", "Choose another.")
    else:
        ui.chart(figure, key="loads", alt="Share of each layer's assignments by expert, as multiples of an even share")

with st.expander("Get the numbers", icon=":material/download:"):
    flat = pd.DataFrame(kb.rows("SELECT * FROM result_runs WHERE protocol = ?", (protocol,)))
    st.download_button("CSV of all runs", flat.to_csv(index=False), f"{protocol}.csv", "text/csv")
    st.code(
        "SELECT implementation, avg(score) AS mean, count(*) AS seeds FROM result_runs\n"
        f"WHERE protocol = '{protocol}' GROUP BY 1 ORDER BY 2",
        language="sql",
    )

"""Comparisons of implementations as rows and charts: who is better than whom, and what cannot be told.

Seeds are paired: a run of seed s saw the same batches whatever the design, so designs are compared by the mean of
their differences seed by seed. A difference below two standard errors is a tie.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

import plotly.graph_objects as go

from moe_kb.figures.lab import is_share, load_chart, metric_label
from moe_kb.charts.palette import BLUE, COLOURS, GREY, ORANGE, PINK, quiet
from moe_kb.kb import KnowledgeBase
from moe_kb.lab import Loads

#: Groups in the order to show them in, and what each is.
GROUPS = {
    "ranked": "Ranked",
    "unmatched": "Other cost: not of equal size for a token, or not a fixed one",
    "leaks": "Not causal: a low number may be the leak's",
    "control": "Controls",
    "failed": "Failed",
}
_COLOURS = {"ranked": BLUE, "unmatched": ORANGE, "leaks": PINK, "control": GREY}
_SYMBOLS = {"unmatched": "diamond", "leaks": "x", "control": "square"}
CONTROLS = {"control-dense": "Dense, equal active size", "control-no-experts": "No feed-forward at all"}
DENSE = "control-dense"
#: What a design's own runs say of its dense twin, where the protocol has no dense control.
TWIN = "accuracy_dense"
ERRORS = 2.0  # standard errors that a difference must exceed to be one


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference over seeds, with its standard error."""

    mean: float
    error: float | None
    """None with a single seed: nothing can be told of its spread."""

    @property
    def is_tie(self) -> bool:
        """Whether it is below two standard errors, or has none."""
        return self.error is None or abs(self.mean) <= ERRORS * self.error


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Difference | None:
    """The difference of two designs over the seeds that both have; none without a common seed."""
    differences = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
    if not differences:
        return None
    error = stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else None
    return Difference(mean(differences), error)


def protocols(kb: KnowledgeBase) -> list[dict[str, Any]]:
    """Protocols with results: protocol, task, headline, higher_is_better, designs, seeds, made_date, made_cpu,
    made_torch, made_commit (the last run's)."""
    return kb.rows(
        "SELECT protocol, task, headline, higher_is_better, count(DISTINCT implementation) AS designs, "
        "count(DISTINCT seed) AS seeds, max(made_date) AS made_date, made_cpu, made_torch, made_python, made_commit, "
        "made_threads, sum(seconds) AS seconds FROM result_runs GROUP BY protocol ORDER BY task DESC"
    )


def board(kb: KnowledgeBase, protocol: str) -> list[dict[str, Any]]:
    """A row an implementation, best first within its group.

    Rows: implementation, name, record (of its design, else of the implementation), group, rank (of ranked rows with
    two seeds or more: 1 and how many are better by more than two standard errors), mean, error, seeds, against_dense
    (`Difference`), verdict, seconds, cpu_seconds, params_active, params_total, causal, why, error_text, curve (pairs
    of step and mean), and the metrics of the runs by name.
    """
    runs = kb.rows("SELECT * FROM result_runs WHERE protocol = ? ORDER BY implementation, seed", (protocol,))
    metrics: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    curves: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in kb.rows(
        "SELECT r.implementation, v.metric, v.step, v.value FROM results v JOIN result_runs r USING (run) "
        "WHERE r.protocol = ?",
        (protocol,),
    ):
        if row["step"] is None:
            metrics[row["implementation"]][row["metric"]].append(row["value"])
        else:
            curves[row["implementation"]][row["step"]].append(row["value"])
    names = {row["key"]: row["name"] for row in kb.rows("SELECT key, name FROM implementations")}
    designs = {
        row["implementation"]: f"design:{row['key']}"
        for row in kb.rows("SELECT key, implementation FROM designs WHERE implementation IS NOT NULL ORDER BY key DESC")
    }
    by_key: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        by_key[run["implementation"]].append(run)
    scores = {key: {r["seed"]: r["score"] for r in group if r["score"] is not None} for key, group in by_key.items()}
    rows = []
    for key, group in by_key.items():
        first, values = group[0], list(scores[key].values())
        against = _against_dense(scores, metrics[key], key)
        rows.append(
            {
                "implementation": key,
                "name": CONTROLS.get(key) or names.get(key, key),
                "record": designs.get(key) or (f"implementation:{key}" if key in names else None),
                "group": _group(first, bool(values)),
                "mean": mean(values) if values else None,
                "error": stdev(values) / len(values) ** 0.5 if len(values) > 1 else None,
                "seeds": len(values),
                "against_dense": against,
                "verdict": _verdict(against, first["higher_is_better"]),
                "seconds": mean([run["seconds"] for run in group if run["score"] is not None] or [0.0]),
                "cpu_seconds": mean([run["cpu_seconds"] for run in group if run["score"] is not None] or [0.0]),
                "params_active": first["params_active_non_embedding"],
                "params_total": first["params_total"],
                "causal": first["causal"],
                "why": first["why"],
                "error_text": next((run["error"] for run in group if run["error"]), None),
                "curve": [(step, mean(found)) for step, found in sorted(curves[key].items())],
                **{name: mean(found) for name, found in metrics[key].items()},
            }
        )
    higher = bool(runs and runs[0]["higher_is_better"])
    sign = -1 if higher else 1
    order = list(GROUPS)
    rows.sort(key=lambda row: (order.index(row["group"]), sign * (row["mean"] or 0.0)))
    ranked = [row for row in rows if row["group"] == "ranked"]
    for row in rows:
        told = row["group"] == "ranked" and row["seeds"] > 1
        row["rank"] = 1 + sum(_beats(scores, other, row, sign) for other in ranked) if told else None
    return rows


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How the ranked designs stand against a dense layer: the number of them, and of each verdict."""
    ranked = [row for row in rows if row["group"] == "ranked"]
    return {"ranked": len(ranked)} | {
        verdict: sum(row["verdict"] == verdict for row in ranked) for verdict in ("better", "tie", "worse")
    }


def standings(kb: KnowledgeBase, implementation: str) -> list[dict[str, Any]]:
    """Where one implementation stands in every comparison that it is part of.

    Rows: those of `board`, with protocol, task, headline, and `of`, the number of designs that have a rank.
    """
    found = []
    for told in protocols(kb):
        rows = board(kb, told["protocol"])
        of = sum(row["rank"] is not None for row in rows)
        found += [
            row | {name: told[name] for name in ("protocol", "task", "headline")} | {"of": of}
            for row in rows
            if row["implementation"] == implementation
        ]
    return found


def standing_text(row: Mapping[str, Any]) -> str:
    """Where a row of `standings` stands, in words: `rank 3 of 40, bits per byte 2.893 ± 0.006, better than dense`."""
    if row["mean"] is None:
        return f"failed: {row['error_text']}"
    apart = {"unmatched": "no rank: of another cost", "leaks": "no rank: later tokens can reach earlier ones"}
    place = f"rank {row['rank']} of {row['of']}" if row["rank"] else apart.get(row["group"])
    words = {"better": "better than dense", "worse": "worse than dense", "tie": "a tie with dense"}
    verdict = words.get(row["verdict"]) or ("one seed" if row["seeds"] == 1 else None)
    return ", ".join(filter(None, (place, score_text(row, row["headline"]), verdict)))


def score_text(row: Mapping[str, Any], headline: str) -> str:
    """A score with its spread in words: `2.893 ± 0.006 bits per byte`."""
    factor, digits = (100.0, 1) if is_share(headline) else (1.0, 3)
    if row["mean"] is None:
        return "failed"
    spread = "" if row["error"] is None else f" ± {row['error'] * factor:.{digits}f}"
    label = metric_label(headline, short=True).removesuffix(" (percent)").lower()
    return f"{label} {row['mean'] * factor:.{digits}f}{'%' if is_share(headline) else ''}{spread}"


def _group(run: Mapping[str, Any], scored: bool) -> str:
    if not scored:
        return "failed"
    if run["comparison"] == "control":
        return "control"
    if run["task"] == "text" and run["causal"] != "yes":
        return "leaks"
    return "ranked" if run["comparison"] == "matched" else "unmatched"


def _against_dense(
    scores: Mapping[str, Mapping[int, float]], own: Mapping[str, list[float]], key: str
) -> Difference | None:
    if key == DENSE:
        return None
    if DENSE in scores:
        return paired(scores[key], scores[DENSE])
    twins = dict(zip(scores[key], own.get(TWIN, ()), strict=False))
    return paired(scores[key], twins)


def _verdict(against: Difference | None, higher_is_better: bool) -> str:
    if against is None:
        return ""
    if against.error is None:
        return "one seed"
    if against.is_tie:
        return "tie"
    return "better" if (against.mean > 0) == bool(higher_is_better) else "worse"


def _beats(
    scores: Mapping[str, Mapping[int, float]], one: Mapping[str, Any], other: Mapping[str, Any], sign: int
) -> bool:
    """Whether `one` is better than `other` by more than two standard errors; one common seed cannot tell."""
    if one is other:
        return False
    difference = paired(scores[one["implementation"]], scores[other["implementation"]])
    return difference is not None and difference.mean * sign < 0 and not difference.is_tie


def score_chart(rows: Sequence[dict[str, Any]], headline: str) -> go.Figure:
    """Every design's mean with its spread over seeds, best first, and where a dense layer of its size stands."""
    shown = [row for row in rows if row["mean"] is not None]
    factor = 100.0 if is_share(headline) else 1.0
    figure = go.Figure()
    twins = [row for row in shown if TWIN in row]
    if twins:
        figure.add_scatter(
            x=[row[TWIN] * factor for row in twins],
            y=[row["name"] for row in twins],
            mode="markers",
            name="its dense twin",
            marker={"color": GREY, "size": 7, "symbol": "line-ns-open", "line": {"width": 2}},
            hovertemplate="dense twin of %{y}: %{x:.4g}<extra></extra>",
        )
    for group in GROUPS:
        members = [row for row in shown if row["group"] == group]
        if members:
            figure.add_scatter(
                x=[row["mean"] * factor for row in members],
                y=[row["name"] for row in members],
                error_x={
                    "type": "data", "array": [(row["error"] or 0) * factor for row in members], "thickness": 1.5,
                    "width": 3,
                },
                mode="markers",
                name=GROUPS[group].partition(":")[0],
                marker={"color": _COLOURS.get(group, GREY), "size": 8, "symbol": _SYMBOLS.get(group, "circle")},
                hovertemplate="%{y}: %{x:.4g}<extra></extra>",
            )  # fmt: skip
    dense = next((row["mean"] for row in shown if row["implementation"] == DENSE), None)
    if dense is not None:
        figure.add_vline(x=dense * factor, line={"color": GREY, "width": 1, "dash": "dash"})
    quiet(figure, max(220, 19 * len(shown) + 100), top=40)
    figure.update_yaxes(
        range=[len(shown) - 0.3, -0.7],
        categoryorder="array",
        categoryarray=[row["name"] for row in shown],
        title=None,
        automargin=True,
        showgrid=True,
    )
    figure.update_xaxes(title=metric_label(headline, short=True), showgrid=True, zeroline=False)
    return figure


def curve_chart(rows: Sequence[dict[str, Any]], headline: str) -> go.Figure:
    """The headline metric on the way, mean over seeds, a line a design."""
    factor = 100.0 if is_share(headline) else 1.0
    figure = go.Figure()
    for number, row in enumerate(row for row in rows if row["curve"]):
        figure.add_scatter(
            x=[step for step, _ in row["curve"]],
            y=[value * factor for _, value in row["curve"]],
            name=row["name"],
            mode="lines+markers",
            marker={"size": 6},
            line={
                "color": COLOURS[number % len(COLOURS)],
                "dash": ("solid", "dash", "dot")[number // len(COLOURS) % 3],
            },
            hovertemplate="step %{x}: %{y:.4g}<extra>" + row["name"] + "</extra>",
        )
    quiet(figure, 400, top=60)
    figure.update_xaxes(title="Optimiser step", rangemode="tozero")
    figure.update_yaxes(title=metric_label(headline, short=True))
    return figure


def loads_chart(kb: KnowledgeBase, protocol: str, implementation: str) -> go.Figure | None:
    """How the last validation's assignments fell on the experts, of the first seed; none without experts."""
    found = kb.rows(
        "SELECT loads FROM result_runs WHERE protocol = ? AND implementation = ? AND error IS NULL "
        "ORDER BY seed LIMIT 1",
        (protocol, implementation),
    )
    loads = json.loads(found[0]["loads"]) if found else {}
    return load_chart({layer: Loads(0, "valid", tuple(shares)) for layer, shares in loads.items()}) if loads else None

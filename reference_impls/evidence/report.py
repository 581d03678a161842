"""The table that a comparison prints; the app shows more."""

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any


def table(results: Sequence[dict[str, Any]], headline: str, *, higher_is_better: bool) -> str:
    """Designs by their mean, group by group, with the standard error over seeds.

    On text, designs that are not causal stand in a group of their own and are not ranked: a low
    number may come from later tokens.
    """
    groups: dict[str, list[dict[str, Any]]] = {
        "matched": [],
        "unmatched": [],
        "not causal": [],
        "control": [],
        "failed": [],
    }
    for result in results:
        scored = [run for run in result["runs"] if "values" in run]
        not_causal = result["task"] == "text" and result["causal"] != "yes"
        groups["failed" if not scored else "not causal" if not_causal else result["group"]].append(result)
    lines = []
    for name, members in groups.items():
        rows = [(_values(result, headline), result) for result in members]
        rows.sort(key=lambda row: mean(row[0]) if row[0] else 0.0, reverse=higher_is_better)
        lines += [f"{name}:"] * bool(rows)
        for values, result in rows:
            spread = f"± {stdev(values) / len(values) ** 0.5:.4f}" if len(values) > 1 else "        "
            shown = f"{mean(values):.4f} {spread}" if values else result["runs"][0].get("error", "no runs")
            lines.append(f"  {result['implementation']:<28} {shown}  ({len(values)} seeds)")
    return "\n".join(lines)


def _values(result: dict[str, Any], headline: str) -> list[float]:
    return [run["values"][headline] for run in result["runs"] if "values" in run]

"""Fabricated configurations, as the trends page charts them."""

from __future__ import annotations

from moe_kb.analysis.trend_fields import TRENDS
from moe_kb.analysis.trends import Observation
from moe_kb.fields import HYPERPARAMETERS


def observed(
    name: str,
    *,
    released: str | None = "2024-03",
    places: dict[str, str] | None = None,
    disputed: frozenset[str] = frozenset(),
    zero_experts: int | None = None,
    **values: object,
) -> Observation:
    """A configuration with these values and no others."""
    known = dict.fromkeys([*HYPERPARAMETERS, *TRENDS])
    words = {"organisation": "Lab", "openness": "open", "described_by": "tables"}
    return Observation(
        record=f"model:{name}",
        configuration="1B",
        name=name,
        released=released,
        year=int(released[:4]) if released else None,
        values={**known, **words, **values},
        places={"released": "A list", **(places or {})},
        disputed=disputed,
        zero_experts=zero_experts,
    )


def body(figure):
    """The traces with marks of configurations."""
    return [trace for trace in figure.data if trace.customdata is not None]

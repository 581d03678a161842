"""Fabricated rows of configurations, as the trends page charts them."""

from __future__ import annotations

from moe_kb.figures import models
from moe_kb.figures.trend_terms import TRENDS


def row(name: str, **values: object) -> dict[str, object]:
    """A fabricated row as `trends.rows` makes them."""
    return {
        **dict.fromkeys([*models.MEASURES, *TRENDS]),
        **{"name": name, "label": f"{name} 1B", "configuration": "1B", "model": name, "record": f"model:{name}"},
        **{"organisation": "Lab", "released": "2024-03", "year": 2024, "openness": "open", "described_by": "tables"},
        **{"places": {"released": "A list"}, "disputed": {}, "zero": None},
        **values,
    }


def body(figure):
    """The traces with marks of configurations."""
    return [trace for trace in figure.data if trace.customdata is not None]

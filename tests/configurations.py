"""Fabricated configurations, as the trends page charts them."""

from collections.abc import Sequence

from moe_kb.analysis.trend_fields import TRENDS
from moe_kb.analysis.trends import Observation
from moe_kb.fields import HYPERPARAMETER_WORDS, MEASURES


def observed(
    name: str,
    *,
    released: str | None = "2024-03",
    organisation: str | None = "Lab",
    places: dict[str, str] | None = None,
    disputed: Sequence[str] = (),
    zero_experts: int | None = None,
    **values: object,
) -> Observation:
    """A configuration with these values and no others."""
    known = {**dict.fromkeys([*MEASURES, *TRENDS, *HYPERPARAMETER_WORDS]), **values}
    words = {name for name, field in (HYPERPARAMETER_WORDS | TRENDS).items() if field.axis == "words"}
    return Observation(
        record=f"model:{name}",
        configuration="1B",
        name=name,
        organisation=organisation,
        released=released,
        openness="open",
        released_config=False,
        numbers={field: value for field, value in known.items() if field not in words},
        words={field: value for field, value in known.items() if field in words},
        places={"released": "A list", **(places or {})},
        disputed=dict.fromkeys(disputed, False),
        zero_experts=zero_experts,
    )


def body(figure):
    """The traces with marks of configurations."""
    return [trace for trace in figure.data if trace.customdata is not None]

"""Fabricated measurements of models, as trade-offs are made of them."""

from dataclasses import replace

from moe_kb.analysis.metrics import COST, PERFORMANCE, SIDES
from moe_kb.analysis.trade_offs import Choice, Entry, TradeOffs, Value
from moe_kb.claims.claim import Claim
from moe_kb.queries.measurements import Condition, Measurements, Score, Subject
from moe_kb.records.architecture import Architecture
from moe_kb.sizing import Device, Setting

SMALL = Architecture.model_validate(
    {
        **{"source": "a-config", "locator": "config.json", "d_model": 64, "vocab_size": 100, "norm": "rms"},
        **{"tied_embeddings": True},
        "decoder": {
            "groups": [
                {
                    "repeat": 2,
                    "sublayers": [
                        {"kind": "attention", "n_heads": 4, "d_head": 16},
                        {
                            **{"kind": "moe", "n_routed_experts": 8, "experts_per_token": 2, "d_expert": 32},
                            **{"activation": "swiglu", "router": {"score": "softmax"}},
                        },
                    ],
                }
            ]
        },
    }
)
INCOMPLETE = SMALL.model_copy(update={"vocab_size": None})
DEVICE = Device("zeta", "Zeta", "bf16", 10**12, 10**11, 10**9)
FIVE = Condition("5-shot", "", "percent")


def claim(model: str, field: str, value: float, **more: object) -> Claim:
    given = {"source": "survey", "locator": "Table 3", "preferred": True, **more}
    return Claim(f"model:{model}", f"model:{model}", "1B", field, value, **given)


def score(model: str, value: float, setting: str | None = "5-shot", unit: str = "percent", **more) -> Score:
    return Score("mmlu", claim(model, "mmlu", value, setting=setting, unit=unit, **more), f"{model} Instruct")


def measurements(scores=(), recorded=(), architectures=None, models="abc") -> Measurements:
    """Models of one configuration each."""
    by_model: dict = {}
    for given in scores:
        by_model.setdefault((given.claim.subject, "1B"), []).append(given)
    fields: dict = {}
    for given in recorded:
        fields.setdefault((given.subject, "1B"), {}).setdefault(given.field, []).append(given)
    return Measurements(
        tuple(Subject(f"model:{model}", "1B", model.upper(), domain="NLP") for model in models),
        by_model,
        fields,
        {(f"model:{model}", "1B"): architecture for model, architecture in (architectures or {}).items()},
    )


def choice(performance: str = "context_length", cost: str = "params_active", **more) -> Choice:
    more = {"setting": Setting(), **more}
    return Choice("mmlu", FIVE, PERFORMANCE[performance], COST[cost], **more)


def of_values(**models: tuple[float, float | None, float | None]) -> TradeOffs:
    """Models with a score, computed active parameters and a recorded context length."""
    entries = []
    for name, (accuracy, cost, performance) in models.items():
        values = {"accuracy": Value(accuracy, "recorded", "survey", "Table 3", f"{name} Instruct", note="<b>odd</b>")}
        if cost is not None:
            values["cost"] = Value(cost, "computed", f"{name}-config", "config.json")
        if performance is not None:
            values["performance"] = Value(performance, "recorded", f"{name}-config", "config.json")
        missing = {side: "why" for side in SIDES if side not in values}
        entries.append(Entry(Subject(f"model:{name}", "1B", name.upper()), values, missing))
    return TradeOffs(choice(), tuple(entries), 0)


def rounded() -> TradeOffs:
    """Two models of which the second's parameters are only printed."""
    found = of_values(a=(78.5, 21.4e9, None), b=(77.8, 21e9, None))
    computed, printed = found.entries
    values = {**printed.values, "cost": Value(21e9, "recorded", "survey", "Table 3")}
    return replace(found, entries=(computed, replace(printed, values=values)))

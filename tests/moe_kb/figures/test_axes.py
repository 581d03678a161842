"""The three axes: what may be compared, who is on the frontier, and what is missing."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import edit

from moe_kb.claims.claim import Claim
from moe_kb.figures import axes, axes_charts
from moe_kb.figures.axes import (
    Choice,
    Entry,
    Known,
    Score,
    Subject,
    Value,
    conditions,
    download,
    entries,
    frontier,
    in_words,
)
from moe_kb.figures.yardsticks import COST, PERFORMANCE, SIDES, SYMBOLS, YARDSTICKS
from moe_kb.kb import open_kb
from moe_kb.records.architecture import Architecture
from moe_kb.sizing import Device, Setting, size

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
UNTOLD = SMALL.model_copy(update={"vocab_size": None})
DEVICE = Device("zeta", "Zeta", "bf16", 10**12, 10**11, 10**9)
FIVE = ("5-shot", "", "percent")


def claim(model: str, field: str, value: float, **more: object) -> Claim:
    told = {"source": "survey", "locator": "Table 3", "preferred": True, **more}
    return Claim(f"model:{model}", f"model:{model}", "1B", field, value, **told)


def score(model: str, value: float, setting: str | None = "5-shot", unit: str | None = "percent", **more) -> Score:
    return Score("mmlu", claim(model, "mmlu", value, setting=setting, unit=unit, **more), f"{model} Instruct")


def known(scores=(), recorded=(), architectures=None, models=("a", "b", "c")) -> Known:
    """Models of one configuration each."""
    by_model: dict = {}
    for one in scores:
        by_model.setdefault((one.claim.subject, "1B"), []).append(one)
    fields: dict = {}
    for one in recorded:
        fields.setdefault((one.subject, "1B"), {}).setdefault(one.field, []).append(one)
    return Known(
        [Subject(f"model:{model}", "1B", model.upper(), domain="NLP") for model in models],
        by_model,
        fields,
        {(f"model:{model}", "1B"): one for model, one in (architectures or {}).items()},
    )


def choice(performance: str = "context_length", cost: str = "params_active", **more) -> Choice:
    return Choice("mmlu", FIVE, PERFORMANCE[performance], COST[cost], **more)


def named(source: str | None, locator: str | None) -> str:
    return f"{source}, {locator}"


# --- comparability -----------------------------------------------------------------------------------------------


def test_only_scores_of_one_setting_scope_and_unit_are_set_against_each_other():
    held = known(
        [
            score("a", 70),
            score("b", 80, setting="0-shot"),
            score("c", 0.8, unit="fraction"),
            score("d", 75, scope="English only"),
            score("e", 76, setting=None),
        ],
        models="abcde",
    )
    rows = entries(held, choice())
    assert [row.subject.label for row in rows if "accuracy" in row.values] == ["A 1B"]
    reasons = {row.subject.label: row.missing.get("accuracy") for row in rows}
    assert reasons["B 1B"] == "only 80 at 0-shot"
    assert "setting not stated" in reasons["E 1B"]
    assert conditions(held, "mmlu")[0][1] == 1
    assert len(conditions(held, "mmlu")) == 5


def test_the_condition_that_most_were_measured_under_comes_first():
    held = known(
        [score("a", 1), score("b", 2), score("c", 3, "0-shot"), score("b", 4, "0-shot"), score("a", 5, "0-shot")]
    )
    assert conditions(held, "mmlu") == [(("0-shot", "", "percent"), 3), (FIVE, 2)]
    assert conditions(held, "gsm8k") == []


def test_units_are_named_only_where_there_are_several():
    assert in_words(FIVE, [FIVE]) == "5-shot"
    assert in_words(FIVE, [FIVE, ("0-shot", "", "")]) == "5-shot, percent"
    assert in_words(("0-shot", "chat", ""), [FIVE]) == "0-shot, chat, unit not stated"


def test_of_several_sources_the_preferred_one_is_taken_and_the_others_are_told():
    held = known([score("a", 71, source="list", preferred=False), score("a", 70), score("b", 60, locator="Table 4")])
    first, second, _ = entries(held, choice())
    assert (first.values["accuracy"].number, first.values["accuracy"].source) == (70, "survey")
    assert [other.shown for other in first.values["accuracy"].others] == ["71"]
    assert first.values["accuracy"].differs
    assert first.values["accuracy"].row == "a Instruct"
    assert not second.values["accuracy"].differs


# --- what is computed, recorded, missing -------------------------------------------------------------------------


def test_values_are_computed_from_layers_and_else_taken_from_a_source():
    held = known(
        recorded=[claim("b", "params_active", 3e9), claim("a", "params_active", 9e9)], architectures={"a": SMALL}
    )
    a, b, c = entries(held, choice())
    assert (a.values["cost"].kind, a.values["cost"].number) == ("computed", float(size(SMALL).parameters.active))
    assert (a.values["cost"].source, a.values["cost"].locator) == ("a-config", "config.json")
    assert (b.values["cost"].kind, b.values["cost"].number) == ("recorded", 3e9)
    assert b.values["cost"].note == "as the source counts it"
    assert c.missing["cost"] == "no source describes its layers, and none gives the number"


def test_what_only_sizing_can_say_is_missing_without_layers_and_says_which_fields_are_untold():
    held = known(architectures={"a": SMALL, "b": UNTOLD})
    a, b, c = entries(held, choice(cost="weight_bytes"))
    assert a.values["cost"].number == 2 * size(SMALL).parameters.total
    assert b.missing["cost"] == "cannot be sized: vocab_size is not given"
    assert c.missing["cost"] == "no source describes its layers"


def test_a_recorded_value_is_missing_where_no_source_gives_it():
    a, b, _ = entries(known(recorded=[claim("a", "context_length", 4096)]), choice())
    assert a.values["performance"].number == 4096
    assert b.missing == {
        "accuracy": "no score on MMLU",
        "performance": "no source gives its context length",
        "cost": "no source describes its layers, and none gives the number",
    }


@pytest.mark.parametrize("key", [key for key, one in YARDSTICKS.items() if one.on_device])
def test_without_an_accelerator_its_measures_are_missing(key):
    asked = choice(**{"performance" if key in PERFORMANCE else "cost": key})
    side = "performance" if key in PERFORMANCE else "cost"
    held = known(architectures={"a": SMALL})
    assert "accelerator" in entries(held, asked)[0].missing[side]
    assert entries(held, replace(asked, device=DEVICE))[0].values[side].number > 0


def test_a_context_longer_than_the_model_allows_is_noted_where_it_matters():
    held = known(recorded=[claim("a", "context_length", 2048)], architectures={"a": SMALL})
    long = choice(cost="cache_bytes", setting=Setting(context=4096))
    assert entries(held, long)[0].values["cost"].note == "allows 2,048 tokens only"
    assert entries(held, replace(long, setting=Setting(context=2048)))[0].values["cost"].note is None
    assert entries(held, replace(long, cost=COST["params_total"]))[0].values["cost"].note is None


def test_rates_and_times_agree_with_each_other():
    held = known(architectures={"a": SMALL})
    setting = Setting(context=1024, batch=16)
    rate, time = (
        entries(held, choice(performance, "device_time", setting=setting, device=DEVICE))[0]
        for performance in ("throughput", "step_time")
    )
    assert rate.values["performance"].number == pytest.approx(16 / time.values["performance"].number)
    devices = size(SMALL, setting).devices(DEVICE)
    assert rate.values["cost"].number == pytest.approx(devices / rate.values["performance"].number)


def test_every_symbol_of_a_formula_is_told_and_stands_in_it():
    for one in YARDSTICKS.values():
        assert bool(one.formula) is one.computed
        assert set(one.symbols) <= set(SYMBOLS)
        for symbol in one.symbols:
            assert symbol.partition("(")[0] in one.formula, (one.key, symbol)


# --- the frontier ------------------------------------------------------------------------------------------------


def dominates(a, b) -> bool:
    return all(p >= q for p, q in zip(a, b, strict=True)) and any(p > q for p, q in zip(a, b, strict=True))


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(st.tuples(*[st.one_of(st.integers(0, 4), st.floats(-1e9, 1e9))] * width), max_size=40)
    )
)
def test_the_frontier_is_what_no_point_dominates(points):
    by_definition = [not any(dominates(other, point) for other in points) for point in points]
    assert axes.undominated(points) == by_definition


def of_sizes(**models: tuple[float, float | None, float | None]) -> list[Entry]:
    """Entries of a score, computed active parameters and a recorded context length."""
    rows = []
    for name, (accuracy, cost, performance) in models.items():
        values = {"accuracy": Value(accuracy, "recorded", "survey", "Table 3", f"{name} Instruct", note="<b>odd</b>")}
        if cost is not None:
            values["cost"] = Value(cost, "computed", f"{name}-config", "config.json")
        if performance is not None:
            values["performance"] = Value(performance, "recorded", f"{name}-config", "config.json")
        missing = {side: "why" for side in SIDES if side not in values}
        rows.append(Entry(Subject(f"model:{name}", "1B", name.upper()), values, missing))
    return rows


def test_rounded_counts_are_not_ranked_among_computed_ones():
    computed, printed = of_sizes(a=(78.5, 21.4e9, None), b=(77.8, 21e9, None))
    printed = replace(printed, values=printed.values | {"cost": Value(21e9, "recorded", "survey", "Table 3")})
    assert frontier([computed, printed], choice(), ("accuracy", "cost")) == {("model:a", "1B")}
    figure = axes_charts.against([computed, printed], choice(), "cost", "accuracy", named)
    assert [list(trace.text or []) for trace in figure.data] == [[], ["A 1B"], ["B 1B"]]
    assert figure.data[2].name.startswith("not ranked")


def test_the_frontier_wants_accuracy_high_and_cost_low():
    rows = of_sizes(a=(70, 2e9, 1), b=(60, 1e9, 2), c=(65, 3e9, 9), d=(99, None, None))
    two = {record for record, _ in frontier(rows, choice(), ("accuracy", "cost"))}
    assert two == {"model:a", "model:b"}, "c costs more than a and is worse; d lacks its cost"
    assert len(frontier(rows, choice(), tuple(SIDES))) == 3, "c has the longest context"


# --- pictures and files ------------------------------------------------------------------------------------------


@pytest.fixture
def three() -> list[Entry]:
    return of_sizes(a=(70, 2e9, 4096), b=(60, 1e9, 8192), c=(65, 3e9, 2048))


def test_the_picture_marks_the_frontier_and_every_mark_leads_to_its_record(three):
    figure = axes_charts.against(three, choice(), "cost", "accuracy", named)
    line, best, behind = figure.data
    assert list(zip(line.x, line.y, strict=True)) == [(1, 60), (2, 60), (2, 70)], "b's score up to the cost of a"
    assert (list(best.x), list(best.customdata)) == ([2, 1], ["model:a", "model:b"])
    assert (list(behind.text), list(behind.customdata)) == (["C 1B"], ["model:c"])
    assert (behind.name, behind.marker.symbol) == ("behind it", "circle-open")
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis.title.text == "Active parameters (billions), ← better"
    assert figure.layout.yaxis.title.text == "MMLU, 5-shot (percent), better →"
    hover = best.hovertext[0]
    assert "survey, Table 3" in hover
    assert "printed as a Instruct" in hover
    assert "&lt;b&gt;odd" in hover, "record text cannot act as markup"


def test_where_more_is_better_the_line_steps_the_other_way(three):
    figure = axes_charts.against(three, choice(), "performance", "accuracy", named)
    line = figure.data[0]
    assert list(zip(line.x, line.y, strict=True)) == [(4096, 70), (4096, 60), (8192, 60)]
    assert figure.layout.xaxis.title.text.endswith("better →")


def test_many_points_are_named_on_the_frontier_only():
    models = {f"m{number}": (number, 1e9 * (1 + number % 7), None) for number in range(30)}
    figure = axes_charts.against(of_sizes(**models), choice(), "cost", "accuracy", named)
    behind = figure.data[-1]
    assert len(behind.text) > axes_charts.NAMED / 2
    assert set(behind.text) == {""}
    assert all(figure.data[1].text)


def test_side_by_side_better_is_up(three):
    figure = axes_charts.side_by_side(three, choice(), named)
    heights = {trace.customdata[0]: list(trace.y[:3]) for trace in figure.data}
    assert heights["model:a"] == pytest.approx([1, 0.5, 0.3691], abs=1e-3)
    assert heights["model:b"] == [0, 1, 1], "the lowest score, the longest context, the lowest cost"
    assert heights["model:c"][2] == 0
    titles = [note.text for note in figure.layout.annotations if note.text.startswith("<b>")]
    assert titles[2] == "<b>Deployment cost</b><br>Active parameters (billions)"
    ends = {(note.x, note.yanchor): note.text for note in figure.layout.annotations if note.text not in titles}
    assert [(ends[x, "top"], ends[x, "bottom"]) for x in range(3)] == [("60", "70"), ("2,048", "8,192"), ("3", "1")]


def test_equal_values_stand_in_the_middle_and_names_do_not_cover_each_other():
    rows = of_sizes(**dict.fromkeys("abc", (50, 7e9, 4096)))
    figure = axes_charts.side_by_side(rows, choice(), named)
    assert [list(trace.y[:3]) for trace in figure.data] == [[0.5] * 3] * 3
    ends = sorted(trace.y[3] for trace in figure.data)
    assert min(b - a for a, b in pairwise(ends)) > 0.04


@given(st.lists(st.floats(0, 1), max_size=20))
def test_spread_names_keep_their_order_and_their_distance(heights):
    out = axes_charts._spread(heights, 0.045)
    order = sorted(range(len(heights)), key=lambda at: heights[at])
    assert all(out[b] - out[a] > 0.0449 for a, b in pairwise(order))
    assert max(out, default=0) <= 1 + 1e-9


def test_pictures_of_nothing():
    assert len(axes_charts.against([], choice(), "cost", "accuracy", named).data) == 1
    assert len(axes_charts.side_by_side([], choice(), named).data) == 0


def test_the_file_has_values_sources_formulas_and_what_is_missing():
    held = known([score("a", 70)], architectures={"a": SMALL})
    first, second, _ = download(entries(held, choice(cost="cache_bytes")), choice(cost="cache_bytes"))
    assert first["accuracy_of"] == "mmlu, 5-shot"
    assert (first["accuracy"], first["accuracy_source"], first["accuracy_formula"]) == (70, "survey", None)
    assert first["cost_of"] == "cache_bytes; context 8192"
    assert (first["cost_kind"], first["cost_formula"]) == ("computed", COST["cache_bytes"].formula)
    assert first["performance_missing"] == "no source gives its context length"
    assert second["accuracy_missing"] == "no score on MMLU"


# --- from the records --------------------------------------------------------------------------------------------


def test_gathered_from_records(tree):
    edit(
        tree, "data/models/alpha.yaml", "    d_model: 512", "    d_model: 512\n    norm: rms\n    tied_embeddings: true"
    )
    kb = open_kb(tree, database=tree.parent / "kb.db")
    held = axes.gather(kb)
    assert [subject.label for subject in held.subjects] == ["Alpha 1B"]
    assert [in_words(found) for found, _ in conditions(held, "mmlu")] == ["0-shot", "5-shot"]
    (row,) = entries(held, choice(cost="params_total"))
    assert (row.values["accuracy"].number, row.values["accuracy"].row) == (45.0, "Alpha 1B")
    assert row.values["cost"].kind == "computed", "the claim of 1.2 billion is only what a source says"
    assert axes.held(held) == (0, 0)


@pytest.mark.integration
def test_on_the_real_records(real_kb):
    held = axes.gather(real_kb)
    (mmlu, number), *others = conditions(held, "mmlu")
    assert (mmlu[0], number, others) == ("5-shot", 14, [])
    rows = entries(held, replace(choice(), condition=mmlu))
    whole = [row for row in rows if not row.missing]
    assert len(whole) >= 12
    assert {"DeepSeek-V2 236B Chat (RL)", "Skywork-MoE 146B"} <= {row.subject.label for row in rows if row.missing}
    assert all(value.source for row in rows for value in row.values.values()), "each value has a source"
    eight, five, three_shot = conditions(held, "gsm8k")
    assert [found[0] for found, _ in (eight, five, three_shot)] == ["8-shot", "5-shot", "3-shot"]
    apart = {
        setting[0]: {
            row.subject.label
            for row in entries(held, Choice("gsm8k", setting, *_measures()))
            if "accuracy" in row.values
        }
        for setting, _ in (eight, five, three_shot)
    }
    assert "Jamba v0.1" in apart["3-shot"] - apart["5-shot"] - apart["8-shot"]
    measured = real_kb.rows(
        "SELECT DISTINCT field FROM claims WHERE subject LIKE 'model:%' AND (field LIKE '%throughput%' OR "
        "field LIKE '%latency%' OR field LIKE '%price%' OR unit IN ('tokens/s', 's', 'ms'))"
    )
    assert measured == [], "the page says that nothing measured is recorded: make it a yardstick and fix the words"


def _measures():
    return PERFORMANCE["context_length"], COST["params_active"]

"""Trade-offs: which scores are comparable, what is computed, who is on the frontier, what is missing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import DEVICE, FIVE, INCOMPLETE, SMALL, choice, claim, measurements, of_values, rounded, score
from trees import edit

from moe_kb.analysis.metrics import COST, METRICS, PERFORMANCE, SYMBOLS
from moe_kb.analysis.trade_offs import TradeOffs, conditions, in_words, trade_offs, undominated
from moe_kb.errors import NotFoundError
from moe_kb.kb import open_kb
from moe_kb.queries.measurements import Condition
from moe_kb.sizing import Setting, size

# --- comparability -----------------------------------------------------------------------------------------------


def test_scores_of_other_conditions_are_excluded():
    others = [score("b", 80, setting="0-shot"), score("c", 0.8, unit="fraction")]
    others += [score("d", 75, scope="English only"), score("e", 76, setting=None)]
    held = measurements([score("a", 70), *others], models="abcde")
    found = trade_offs(held, choice())
    assert [entry.subject.label for entry in found.having(["accuracy"])] == ["A 1B"]
    reasons = {entry.subject.label: entry.missing.get("accuracy") for entry in found.entries}
    assert reasons["B 1B"] == "only 80 at 0-shot"
    assert "setting not stated" in reasons["E 1B"]
    assert found.excluded_settings == 4


def test_the_most_frequent_condition_comes_first():
    without = [score(model, 3, "0-shot") for model in "cba"]
    held = measurements([score("a", 1), score("b", 2), *without])
    assert list(conditions(held, "mmlu").items()) == [(("0-shot", "", "percent"), 3), (FIVE, 2)]
    assert conditions(held, "gsm8k") == {}


def test_units_are_named_where_they_differ():
    assert in_words(FIVE, [FIVE]) == "5-shot"
    assert in_words(FIVE, [FIVE, Condition("0-shot", "", "")]) == "5-shot, percent"
    assert in_words(Condition("0-shot", "chat", ""), [FIVE]) == "0-shot, chat, unit not stated"


def test_the_preferred_source_is_taken_others_kept():
    other = score("a", 71, source="list", preferred=False)
    held = measurements([other, score("a", 70), score("b", 60, locator="Table 4")])
    first, second, _ = trade_offs(held, choice()).entries
    value = first.values["accuracy"]
    assert (value.number, value.source, value.row, value.differs) == (70, "survey", "a Instruct", True)
    assert [other.shown for other in value.others] == ["71"]
    assert not second.values["accuracy"].differs


# --- what is computed, recorded, missing -------------------------------------------------------------------------


def test_values_are_computed_else_taken_from_sources():
    recorded = [claim("b", "params_active", 3e9), claim("a", "params_active", 9e9)]
    held = measurements(recorded=recorded, architectures={"a": SMALL})
    a, b, c = trade_offs(held, choice()).entries
    cost = a.values["cost"]
    assert (cost.kind, cost.number) == ("computed", float(size(SMALL).parameters.active))
    assert (cost.source, cost.locator) == ("a-config", "config.json")
    cost = b.values["cost"]
    assert (cost.kind, cost.number, cost.note) == ("recorded", 3e9, "as the source counts it")
    assert c.missing["cost"] == "no source describes its layers, and none gives the number"


def test_missing_values_say_why():
    held = measurements(recorded=[claim("a", "context_length", 4096)], architectures={"a": SMALL, "b": INCOMPLETE})
    a, b, c = trade_offs(held, choice(cost="weight_bytes")).entries
    assert a.values["cost"].number == 2 * size(SMALL).parameters.total
    assert a.values["performance"].number == 4096
    assert b.missing["cost"] == "cannot be sized: vocab_size is not given"
    assert c.missing == {
        "accuracy": "no score on MMLU",
        "performance": "context length not reported",
        "cost": "no source describes its layers",
    }


@pytest.mark.parametrize("key", [key for key, metric in METRICS.items() if metric.on_device])
def test_rates_without_an_accelerator_are_missing(key):
    side = "performance" if key in PERFORMANCE else "cost"
    asked, held = choice(**{side: key}), measurements(architectures={"a": SMALL})
    assert "accelerator" in trade_offs(held, asked).entries[0].missing[side]
    assert trade_offs(held, replace(asked, device=DEVICE)).entries[0].values[side].number > 0


def test_a_context_beyond_the_model_is_noted():
    held = measurements(recorded=[claim("a", "context_length", 2048)], architectures={"a": SMALL})
    long = choice(cost="cache_bytes", setting=Setting(context=4096))
    for asked, note in (
        (long, "allows 2,048 tokens only"),
        (replace(long, setting=Setting(context=2048)), None),
        (replace(long, cost=COST["params_total"]), None),
    ):
        assert trade_offs(held, asked).entries[0].values["cost"].note == note


def test_rates_and_times_agree():
    held, setting = measurements(architectures={"a": SMALL}), Setting(context=1024, batch=16)
    rate, time = (
        trade_offs(held, choice(performance, "device_time", setting=setting, device=DEVICE)).entries[0].values
        for performance in ("throughput", "step_time")
    )
    assert rate["performance"].number == pytest.approx(16 / time["performance"].number)
    assert rate["cost"].number == pytest.approx(size(SMALL, setting).devices(DEVICE) / rate["performance"].number)


def test_symbols_of_formulas_are_explained():
    for metric in METRICS.values():
        assert bool(metric.formula) is metric.computed
        assert set(metric.symbols) <= set(SYMBOLS)
        for symbol in metric.symbols:
            assert symbol.partition("(")[0] in metric.formula, (metric.key, symbol)


# --- the frontier ------------------------------------------------------------------------------------------------


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(st.tuples(*[st.one_of(st.integers(0, 4), st.floats(-1e9, 1e9))] * width), max_size=40)
    )
)
def test_the_frontier_is_what_no_point_dominates(points):
    def dominates(a, b) -> bool:
        return all(p >= q for p, q in zip(a, b, strict=True)) and any(p > q for p, q in zip(a, b, strict=True))

    assert undominated(points) == [not any(dominates(other, point) for other in points) for point in points]


def test_the_frontier_wants_high_accuracy_low_cost():
    found = of_values(a=(70, 2e9, 1), b=(60, 1e9, 2), c=(65, 3e9, 9), d=(99, None, None))
    two = {record for record, _ in found.frontier(("accuracy", "cost"))}
    assert two == {"model:a", "model:b"}, "c costs more than a and is worse; d lacks its cost"
    assert len(found.frontier()) == 3, "c has the longest context"


def test_rounded_counts_are_not_ranked():
    assert rounded().frontier(("accuracy", "cost")) == {("model:a", "1B")}


def test_incomplete_entries_follow_what_they_lack():
    found = of_values(b=(1, None, None), a=(2, None, 3), c=(9, 1, 1))
    assert [entry.subject.label for entry in found.incomplete()] == ["A 1B", "B 1B"]
    assert [entry.subject.label for entry in found.best_first(["accuracy"])] == ["C 1B", "A 1B", "B 1B"]


def test_the_table_has_sources_formulas_and_gaps():
    held = measurements([score("a", 70)], architectures={"a": SMALL})
    first, second, _ = trade_offs(held, choice(cost="cache_bytes")).table()
    assert first["accuracy_of"] == "mmlu, 5-shot"
    assert (first["accuracy"], first["accuracy_source"], first["accuracy_formula"]) == (70, "survey", None)
    assert first["cost_of"] == "cache_bytes; context 8192"
    assert (first["cost_kind"], first["cost_formula"]) == ("computed", COST["cache_bytes"].formula)
    assert first["performance_missing"] == "context length not reported"
    assert second["accuracy_missing"] == "no score on MMLU"


# --- from the records --------------------------------------------------------------------------------------------


def test_measurements_are_read_from_records(tree):
    sized = "    d_model: 512\n    norm: rms\n    tied_embeddings: true"
    edit(tree, "data/models/alpha.yaml", "    d_model: 512", sized)
    kb = open_kb(tree, database=tree.parent / "kb.db")
    assert [in_words(condition) for condition in conditions(kb.measurements(), "mmlu")] == ["0-shot", "5-shot"]
    found = kb.tradeoffs(setting="5-shot", cost="params_total")
    (entry,) = found.entries
    assert entry.subject.label == "Alpha 1B"
    assert (entry.values["accuracy"].number, entry.values["accuracy"].row) == (45.0, "Alpha 1B")
    assert entry.values["cost"].kind == "computed", "the claim of 1.2 billion is only what a source says"
    assert found.choice.device.key == "zeta", "the first that a roofline can be drawn for"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"benchmark": "x"}, "unknown benchmark 'x'. Known: mmlu"),
        ({"setting": "9-shot"}, "unknown setting of mmlu '9-shot'. Known: 0-shot, 5-shot"),
        ({"performance": "cost"}, "unknown performance metric"),
        ({"cost": "price"}, "unknown cost metric"),
        ({"weights": "int3"}, "unknown weight precision"),
        ({"accelerator": "abacus"}, "unknown accelerator .* Known: zeta"),
    ],
)
def test_unknown_names_are_answered_with_known_ones(kb, asked, message):
    with pytest.raises(NotFoundError, match=message):
        kb.tradeoffs(**asked)


@pytest.mark.integration
def test_on_the_real_records(real_kb):
    found = real_kb.tradeoffs("mmlu")
    assert found.choice.condition.setting == "5-shot"
    assert len(found.having(["accuracy"])) >= 14
    assert len(found.having()) >= 12
    lacking = {entry.subject.label for entry in found.incomplete()}
    assert {"DeepSeek-V2 236B Chat (RL)", "Skywork-MoE 146B"} <= lacking
    assert all(value.source for entry in found.entries for value in entry.values.values()), "each value has a source"
    settings = [condition.setting for condition in conditions(real_kb.measurements(), "gsm8k")]
    assert settings[0] == "8-shot"
    assert set(settings) >= {"8-shot", "5-shot", "3-shot"}
    eight, five, three = (labels(real_kb.tradeoffs("gsm8k", setting=f"{n}-shot")) for n in (8, 5, 3))
    assert "Jamba v0.1" in three - five - eight


def labels(found: TradeOffs) -> set[str]:
    return {entry.subject.label for entry in found.having(["accuracy"])}

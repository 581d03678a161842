"""Measures of configurations through time."""

import pytest
from configurations import body, observed
from trees import edit, small_tree

from moe_kb.analysis import trends
from moe_kb.analysis.trend_fields import TRENDS
from moe_kb.analysis.trends import BIAS, BOTH, HASH, LOSS, NONE, Observation, Year, YearOfWords, trend
from moe_kb.charts.trends import by_date
from moe_kb.errors import NotFoundError
from moe_kb.fields import HYPERPARAMETERS
from moe_kb.kb import open_kb
from moe_kb.queries.routing import MoELayer

BALANCE_LOSS = """\
key: load-balancing-loss
name: Balance loss
component: loss
usages:
- {source: first-survey, locator: §2, by: 'paper:beta', role: introduces}
provenance:
- {source: first-survey, fields: [name]}
"""
VARIANT = """\
key: own-balance-loss
name: Own balance loss
component: loss
relations:
- {source: first-survey, locator: §2, kind: variant-of, to: 'design:load-balancing-loss'}
usages:
- {source: first-survey, locator: §4, by: 'paper:alpha', role: uses}
provenance:
- {source: first-survey, fields: [name]}
"""
UNRELATED = VARIANT.replace("own-balance-loss", "other-loss").replace("kind: variant-of", "kind: combines")


OWN_LOSS = "data/designs/loss/own-balance-loss.yaml"
NO_NUMBERS = dict.fromkeys(HYPERPARAMETERS)
LOSSES = {"data/designs/loss/load-balancing-loss.yaml": BALANCE_LOSS, OWN_LOSS: VARIANT}


def made(tmp_path, changes: dict[str, str] | None = None, *edits: tuple[str, str]) -> Observation:
    root = small_tree(tmp_path / "tree", changes)
    for old, new in edits:
        edit(root, "data/models/alpha.yaml", old, new)
    (alpha,) = open_kb(root, database=tmp_path / "kb.db").observations()
    return alpha


# --- what is computed of a configuration -------------------------------------------------------------------------


def test_every_measure_has_a_source(tmp_path):
    alpha = made(tmp_path)
    assert {name: alpha.value(name) for name in TRENDS} == {
        "chosen_share": 100 / 8, "segmentation": 1, "n_shared_experts": 1, "experts_per_token": 1,
        "n_routed_experts": 8, "params_total": 1.2e9, "moe_share": 75, "d_model": 512, "d_ffn": 2048,
        "d_expert": 2048, "attention_width": 512, "score": "softmax", "router": "Alpha router", "activation": "relu",
        "granularity": 1,  # relu, 4 d_model wide: as many weights as the usual dense network
        "active_share": None, "params_active": None,  # no source gives active parameters
        "balancing": None,
    }  # fmt: skip
    assert alpha.places["released"] == "First survey, Table 1, row 1"
    assert alpha.source_of("chosen_share") == "Alpha config, config.json"
    assert alpha.differs("granularity"), "two sources give two widths"
    assert not alpha.differs("chosen_share")


def test_granularity_counts_gates_and_projections(tmp_path):
    printed = "          d_expert: 2048\n          activation: relu"
    gated = made(tmp_path / "a", None, (printed, printed.replace("relu", "swiglu")))
    assert gated.value("granularity") == pytest.approx(2 / 3)
    projected = made(tmp_path / "b", None, (printed, printed.replace("2048", "2048\n          d_latent: 128")))
    assert projected.value("granularity") == 4


WEIGHT = "- {{source: alpha-config, locator: config.json, field: w_aux, value: {}, configuration: 1B}}\nprovenance:"
BIASED = ("score: softmax}", "score: softmax, selection_bias: true}")
CONFIG, PAPER = "Alpha config, config.json", "First survey, §4"


@pytest.mark.parametrize(
    ("losses", "edits", "kind", "place"),
    [
        ({}, [BIASED], BIAS, CONFIG),
        (LOSSES, [], LOSS, PAPER),
        ({**LOSSES, OWN_LOSS: VARIANT.replace("role: uses", "role: modifies")}, [], LOSS, PAPER),
        (LOSSES, [BIASED], BOTH, f"{CONFIG}; {PAPER}"),
        # A loss that is no relative of the load balancing loss balances nothing.
        ({"data/designs/loss/load-balancing-loss.yaml": BALANCE_LOSS, "data/designs/loss/other-loss.yaml": UNRELATED},
         [], None, ""),
        ({}, [("provenance:", WEIGHT.format(0.01))], LOSS, CONFIG),
        ({}, [("provenance:", WEIGHT.format(0.0))], NONE, CONFIG),
        ({}, [("score: softmax}", "order: hash}")], HASH, CONFIG),
    ],
)  # fmt: skip
def test_balancing_is_tied_to_a_source(tmp_path, losses, edits, kind, place):
    alpha = made(tmp_path, losses, *edits)
    assert (alpha.value("balancing"), alpha.places["balancing"]) == (kind, place)


def test_learned_routers_say_the_score_first():
    hashed = MoELayer(True, "identity", "hash", False, None, None, "Config")
    learned = MoELayer(True, "softmax", None, False, None, None, "Config")
    unsaid = MoELayer(False, "sigmoid", None, False, None, None, "Config")
    assert trends._score([unsaid, hashed, learned]) == "softmax"
    assert trends._score([unsaid, hashed]) == "identity"
    assert trends._score([unsaid]) is None


@pytest.mark.parametrize(("printed", "layers", "share"), [
    ("1", 12, 100), ("1/2", None, 50), ("1/4, add extra FFN", 27, 100 * 6 / 27), ("1/2, except 1st layer", 25, 48),
    ("1, except 1st layer", 28, 100 * 27 / 28), ("1, except first 3 layers", 61, 100 * 58 / 61),
    ("1, except first 3 layers", None, None), ("somewhere", 12, None),
])  # fmt: skip
def test_printed_placements_become_shares(printed, layers, share):
    computed = trends._computed({**NO_NUMBERS, "n_layers": layers}, printed, None, None)
    assert computed["moe_share"] == (share if share is None else pytest.approx(share))


def test_printed_counts_are_routed_without_shared_experts():
    printed = {**NO_NUMBERS, "n_shared_experts": 0, "n_experts_total": 64, "n_experts_active": 2}
    numbers, places = trends._counted(observed("a", places={"n_experts_total": "Table 1"}, **printed))
    assert (numbers["n_routed_experts"], numbers["experts_per_token"]) == (64, 2)
    assert places["n_routed_experts"] == "Table 1"
    numbers, _ = trends._counted(observed("a", **{**printed, "n_shared_experts": 1}))
    assert numbers["n_routed_experts"] is None, "whether the count includes the shared one is not said"


# --- through time ------------------------------------------------------------------------------------------------


def test_the_largest_of_each_model_is_kept():
    found = [observed("a", params_total=1), observed("a", params_total=3), observed("b")]
    assert trends.largest(found) == found[1:]


def test_filters_reach_words_of_the_router(kb):
    assert [row.name for row in kb.observations(text="alpha ROUTER lab", largest_only=True)] == ["Alpha"]
    assert kb.trends("chosen_share", text="nobody").considered == 0


def test_years_have_medians_where_enough_stand():
    found = [observed("a", chosen_share=share) for share in (1.0, 2.0, 3.0, 4.0, 5.0)]
    found += [observed("b", released="2025", chosen_share=9.0), observed("c", released=None, chosen_share=7.0)]
    followed = trend([*found, observed("d")], "chosen_share")
    assert followed.years == [Year(2024, 2, 3, 4, 5)]
    assert (followed.considered, len(followed.observations), len(followed.dated)) == (8, 7, 6)
    assert (followed.observations[0].name, followed.observations[-1].name) == ("b", "c")


def test_years_of_words_count_every_word():
    found = [observed("a", score=score) for score in ("softmax", "sigmoid", "softmax")]
    (year,) = trend(found, "score").years_of_words
    assert year == YearOfWords(2024, (("softmax", 2), ("sigmoid", 1)), 3)
    assert year.in_words == "softmax, 2 of 3; sigmoid 1"
    assert trend(found, "score").years == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("loss bias loss bias", "bias and loss, 2 of 4 each"),
        ("a b c", "a, b and c, 1 of 3 each"),
        ("a a b c d e", "a, 2 of 6; b 1; c 1; d 1; e 1"),
        ("a a b c d e f g", "a, 2 of 8; b 1; c 1; d 1; e 1; 2 more"),
    ],
)
def test_ties_of_words_are_named(words, said):
    (year,) = trend([observed(word, score=word) for word in words.split()], "score").years_of_words
    assert year.in_words == said


def test_unknown_measures_are_answered_with_known_ones(kb):
    with pytest.raises(NotFoundError, match=r"unknown measure 'size'\. Known: chosen_share, active_share"):
        kb.trends("size")


def test_definitions_are_read_from_the_records(kb):
    assert kb.definition("granularity") is None, "this tree has no such design"
    assert kb.definition("chosen_share") is None


@pytest.mark.integration
def test_on_the_real_records(real_kb):
    found = real_kb.observations()
    for name, field in TRENDS.items():
        dated = real_kb.trends(name).dated
        assert len(dated) >= 20, name
        if name != "active_share" and not field.words:
            assert [observation.label for observation in dated if not observation.source_of(name)] == [], name
        assert sum(len(trace.x) for trace in body(by_date(found, name, "score"))) == len(dated)
    known = {observation.label: {name: observation.value(name) for name in TRENDS} for observation in found}
    v3 = known["DeepSeek-V3 671B"]
    assert v3["chosen_share"] == 100 * 8 / 256
    assert v3["granularity"] == pytest.approx(8 / 3 * 7168 / 2048)
    assert (v3["balancing"], known["GShard 600B"]["balancing"]) == (BOTH, LOSS)
    assert known["ST-MoE 32B/269B"]["moe_share"] == 25, "every fourth of 48 layers"
    assert real_kb.definition("granularity").source == "deepseekmoe-paper"

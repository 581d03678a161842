"""Rows and charts of sizes, and configurations with other experts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import ATTENTION, DENSE, INDEXER, MAMBA, MLA, MOE, D, architecture
from trees import BARE, size_alpha

from moe_kb.analysis import size_tables
from moe_kb.charts import sizing as charts
from moe_kb.format import bytes_text
from moe_kb.kb import open_kb
from moe_kb.queries.sizes import NO_LAYERS
from moe_kb.sizing import Device, Setting, size
from moe_kb.sizing.formulas import formulas
from moe_kb.sizing.parameters import PARTS
from moe_kb.sizing.what_if import Experts, Sized, experts_of, with_experts

SHARED = MOE | {"shared": {"count": 2, "d_expert": 3, "gate": "sigmoid"}}
ZETA = Device("zeta", "Zeta", "bf16", 300 * 10**12, 2 * 10**12, 80 * 10**9)
TINY = Device("tiny", "Tiny", "bf16", 10**9, 10**7, 5_000)


def sized(*sublayers, label="A", setting=None, **fields):
    built = architecture(*sublayers, **fields)
    return Sized(f"a|{label}", label, "model:a", built, size(built, setting))


# --- what can be sized -------------------------------------------------------------------------------------------


def test_every_configuration_can_be_sized_or_says_why(tree):
    (tree / "data/models/beta.yaml").write_text(BARE)
    found = open_kb(tree, database=tree.parent / "a.db").sizable()
    assert {name: configuration.why for name, configuration in found.items()} == {
        "alpha|1B": "tied_embeddings is not given; norm is not given",
        "beta|small": NO_LAYERS,
    }
    size_alpha(tree)
    alpha = open_kb(tree, database=tree.parent / "b.db").sizable()["alpha|1B"]
    assert (alpha.label, alpha.record, alpha.why) == ("Alpha 1B", "model:alpha", "")


@pytest.mark.integration
def test_real_configurations_are_sized_and_drawn(real_kb):
    able = [item for item in real_kb.sizable().values() if item.architecture and not item.why]
    assert len(able) >= 51
    shown = [
        Sized(item.id, item.label, item.record, item.architecture, size(item.architecture))
        for item in able[:: len(able) // 5]
    ]
    assert all(item.size.parameters.total > 0 for item in shown)
    drawn = [draw(shown) for draw in (charts.cache, charts.traffic)]
    drawn += [charts.parameters(shown, field) for field in ("total", "active")]
    drawn += [charts.operations(shown, phase) for phase in ("prefill", "decode")]
    assert all(figure.data for figure in drawn)


# --- what if -----------------------------------------------------------------------------------------------------


@given(
    routed=st.integers(1, 40), chosen=st.integers(1, 40), width=st.integers(1, 50), shared=st.integers(0, 4),
    zero=st.integers(0, 5), given_shared=st.booleans(),
)  # fmt: skip
def test_a_change_reaches_every_mixture_and_nothing_else(routed, chosen, width, shared, zero, given_shared):
    mixture = (SHARED if given_shared else MOE) | ({"zero": {"count": zero, "kind": "zero"}} if zero else {})
    group = [{"sublayers": [ATTENTION, DENSE]}, {"repeat": 2, "groups": [{"sublayers": [MAMBA, mixture]}]}]
    built = architecture(decoder={"groups": group})
    before = Sized("a", "A", None, built, size(built))
    wanted = Experts(routed, chosen, width, shared)
    if chosen > routed + zero:
        with pytest.raises(ValueError, match=f"{chosen} of {routed + zero} experts cannot be active: make k smaller"):
            with_experts(before, wanted)
        return
    after = with_experts(before, wanted)
    assert experts_of(after.architecture) == (wanted, False)
    parts, old = after.size.parameters.parts, before.size.parameters.parts
    assert parts["routed"].total == 2 * routed * 3 * D * width
    assert parts["routed"].active == 2 * 3 * D * width * chosen * routed / (routed + zero) or zero
    of_shared = 3 if given_shared else width
    gate = D if given_shared and shared else 0
    assert parts["shared"].total == 2 * (3 * D * of_shared * shared + gate)
    assert parts["router"].total == 2 * D * (routed + zero)
    assert all(parts[part] == old[part] for part in PARTS if part not in ("routed", "shared", "router"))
    assert before.key != after.key
    assert experts_of(built)[0].routed == 8, "the original stays as it is"


def test_experts_of_most_layers_can_be_changed():
    before = sized(SHARED)
    own, differ = experts_of(before.architecture)
    assert (own, differ) == (Experts(8, 2, 5, 2), False)
    assert with_experts(before, own).architecture == before.architecture
    group = [{"sublayers": [SHARED]}, {"repeat": 3, "sublayers": [MOE]}]
    assert experts_of(architecture(decoder={"groups": group})) == (Experts(8, 2, 5, 0), True)
    assert experts_of(architecture(DENSE)) is None


def test_what_a_change_does_is_told_of_every_quantity():
    setting = Setting(context=100, expert_parallel=4)
    before = sized(ATTENTION, MOE, setting=setting)
    after = with_experts(before, Experts(16, 2, 5, 0))
    rows = {row["Quantity"]: row for row in size_tables.change_rows(before, after, ZETA)}
    expert = 3 * D * 5
    total = before.size.parameters.total
    assert rows["Total parameters"]["Modified"] == f"{total + 8 * expert + 8 * D:,}"
    assert rows["Total parameters"]["Change"] == f"{(8 * expert + 8 * D) / total:+.2%}"
    assert rows["Minimum number of Zeta"]["Change"] == "none"
    assert "All-to-all per token and layer on 4" in rows
    uneven = with_experts(before, Experts(7, 2, 5, 0))
    rows = {row["Quantity"]: row for row in size_tables.change_rows(before, uneven, None)}
    assert rows["All-to-all per token and layer on 4"]["Modified"] == "not even"
    assert not any(name.startswith("Minimum") for name in rows)


# --- rows --------------------------------------------------------------------------------------------------------


def test_the_conventions_stand_side_by_side():
    rows = {row["Parameters"]: row for row in size_tables.parameter_rows([sized(MOE), sized(DENSE, label="B")])}
    p = sized(MOE).size.parameters
    assert rows["Total"]["A"] == f"{p.total:,}"
    assert rows["Active, with embeddings and head"]["A"] == f"{round(p.active):,}"
    assert rows["Active, without both"]["A"] == f"{round(p.active_excl_embeddings_and_head):,}"
    assert rows["Granularity"]["B"] == "no experts"
    assert all(row["Includes"] for row in rows.values())


def test_slope_window_and_state_of_a_cache():
    setting = Setting(context=1000)
    shown = [
        sized(ATTENTION, ATTENTION | {"window": 64}, MAMBA, setting=setting),
        sized(MLA | {"indexer": INDEXER}, label="B", setting=setting),
    ]
    first, second = size_tables.cache_rows(shown)
    assert (first["KV cache per token"], first["Windows"]) == ("48 B", "48 B a token up to 64")
    assert first["Constant state"] == bytes_text(2 * (24 * 3 + 3 * 24))
    assert first["At 1,000 tokens"] == bytes_text(2 * (24 * 1000 + 24 * 64 + 144))
    assert (second["Windows"], second["Constant state"]) == ("none", "none")
    assert second["Read per decoded token"] == bytes_text(2 * (9 * 7 + 1000 * 4))
    assert "Encoder's tokens" not in first
    cross = sized(decoder={"groups": [{"sublayers": [ATTENTION | {"cross": True}]}]})
    assert size_tables.cache_rows([cross])[0]["Encoder's tokens"] == "48 B a token"


def test_passes_and_devices():
    shown = [sized(ATTENTION, MOE)]
    rows = size_tables.roofline_rows(shown, TINY)
    assert [row["Pass"] for row in rows] == ["prefill", "decoding step"]
    needed = shown[0].size.devices(TINY)
    assert needed > 1
    assert {row["Minimum devices"] for row in rows} == {str(needed)}
    (row,) = size_tables.device_rows(shown, [TINY])
    assert (row.record, row.name, row.devices) == ("accelerator:tiny", "Tiny", (needed,))
    assert row.memory == pytest.approx(5e-6), "GB"


# --- charts ------------------------------------------------------------------------------------------------------

SHOWN = [sized(ATTENTION, SHARED), sized(MLA, DENSE, label="B"), sized(ATTENTION | {"window": 300}, MAMBA, label="C")]


@pytest.mark.parametrize(
    ("draw", "part", "value"),
    [
        (charts.parameters, "total", lambda size: size.parameters.total),
        (charts.parameters, "active", lambda size: float(size.parameters.active)),
        (charts.operations, "prefill", lambda size: float(size.prefill.total)),
        (charts.operations, "decode", lambda size: float(size.decode.total)),
    ],
)
def test_stacked_parts_come_to_the_total(draw, part, value):
    bars = [trace for trace in draw(SHOWN, part).data if trace.type == "bar"]
    for place, model in enumerate(SHOWN):
        assert sum(bar.x[place] for bar in bars) == pytest.approx(value(model.size))
    named = [bar.name for bar in bars]
    assert len(named) == len(set(named))
    assert [charts._operations(n) for n in (3e6, 5e9, 2.69e12, 1.79e16)] == ["3M", "5G", "2.69T", "17.9P"]


def test_weights_stand_over_the_memory_of_accelerators():
    figure = charts.weights(SHOWN, [ZETA, TINY])
    strokes = [trace for trace in figure.data if trace.customdata is not None]
    assert [list(trace.x) for trace in strokes] == [[80e9, 5_000], [640e9, 40_000]]
    assert strokes[0].customdata[0] == "accelerator:zeta"
    assert (figure.data[0].y[0], figure.data[0].x[0]) == ("as released", 2 * SHOWN[0].size.parameters.total)
    assert dict(zip(figure.data[0].y, figure.data[0].x, strict=True))["fp32"] == 4 * SHOWN[0].size.parameters.total
    assert charts.weights(SHOWN, []).data


def test_a_window_is_a_knee():
    figure = charts.cache(SHOWN)
    rings = [trace for trace in figure.data if trace.mode == "markers" and trace.x]
    assert [list(ring.x) for ring in rings] == [[300]]
    line = next(trace for trace in figure.data if trace.name == "C" and trace.mode == "lines")
    assert line.y[list(line.x).index(300)] == line.y[-1] == rings[0].y[0]


def test_traffic_only_where_experts_lie_evenly():
    figure = charts.traffic([*SHOWN, sized(MOE | {"n_routed_experts": 6}, label="six")])
    assert {trace.name for trace in figure.data} == {"A", "six"}
    assert [list(trace.x) for trace in figure.data if trace.name == "six"] == [["1", "2"], ["1", "2"]]
    assert charts.traffic([sized(DENSE)]).data == ()


def test_marks_stand_on_or_under_the_roof_and_the_ridge_is_named():
    figure = charts.roofline(SHOWN, TINY)
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    assert len(marks) == 2 * len(SHOWN)
    for mark in marks:
        assert mark.y[0] == pytest.approx(min(TINY.peak, TINY.bandwidth * mark.x[0]))
    assert "ridge at 100 FLOP/B" in figure.layout.annotations[0].text
    assert not any("e" in tick for tick in figure.layout.xaxis.ticktext)


def test_every_formula_says_what_is_counted_and_what_is_not():
    assert len(formulas()) == 8
    for formula in formulas().values():
        assert formula.lines
        assert formula.counted
        assert formula.left_out
        for _, latex in formula.lines:
            assert latex.count("{") == latex.count("}")
            assert "|" not in latex, "it would end the cell of the table it stands in"

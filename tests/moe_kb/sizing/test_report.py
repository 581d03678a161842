"""All of a size together: totals add up, settings are kept apart, work by hand."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import ATTENTION, DENSE, INDEXER, LIGHTNING, MAMBA, MLA, MOE, D, V, architecture

from moe_kb.sizing import Device, Setting, UnsizedError, size
from moe_kb.sizing.parameters import PARTS
from moe_kb.sizing.precision import FORMATS
from moe_kb.sizing.report import SCOPE

DEVICE = Device("zeta", "Zeta", "bf16", peak=1_000_000, bandwidth=10_000, memory=5_000)
SHARED = MOE | {"shared": {"count": 2, "d_expert": 3}}


def test_a_decoding_step_and_a_prefill_by_hand():
    found = size(architecture(ATTENTION, MOE), Setting(context=10, batch=3, expert_parallel=2))
    attention, router, norms, head = 72 * D, 8 * D, 3 * D, V * D
    expert = 3 * D * 5
    each = 2 * (attention + router + head + 2 * expert) + 2 * 4 * (6 + 6) * 10
    read = attention + router + norms + head + 8 * expert * (1 - (6 / 8) ** 3)
    assert found.work("decode") == pytest.approx((3 * each, 2 * read + 3 * 2 * 24 * 10))
    mean = 2 * (attention + router + head + 2 * expert) + 2 * 4 * 12 * Fraction(11, 2)
    read = attention + router + norms + head + 8 * expert * (1 - (6 / 8) ** 10)
    assert found.work("prefill") == pytest.approx((10 * mean, 2 * read + 2 * 24 * 10))


def test_a_sparse_attention_reads_only_what_it_picks():
    found = size(architecture(MLA | {"indexer": INDEXER}), Setting(context=100))
    weights = found.parameters.total - V * D
    assert found.work("decode")[1] == 2 * weights + 2 * (9 * (5 + 2) + 100 * 4)
    assert found.cache_bytes == 2 * 100 * (5 + 2 + 4)


def test_devices_that_hold_it_work_together():
    found = size(architecture(ATTENTION, MOE), Setting(context=10, batch=3))
    needed = 2 * found.parameters.total + 3 * 2 * 24 * 10
    assert found.devices(DEVICE) == -(-needed // 5_000) == 2
    done, moved = found.work("decode")
    assert found.on(DEVICE, "decode").seconds == pytest.approx(max(done / 2e6, moved / 2e4))
    assert found.on(DEVICE, "decode").ridge == 100


def test_means_over_layers_with_experts():
    groups = [{"sublayers": [DENSE]}, {"sublayers": [MOE]}, {"repeat": 3, "sublayers": [SHARED]}]
    found = size(architecture(decoder={"groups": groups})).experts
    assert (found.layers, found.routed, found.chosen, found.shared) == (4, 8, 2, 1.5)
    assert found.granularity == pytest.approx(8 * D * D / (3 * D * 5))
    zero = size(architecture(MOE | {"zero": {"count": 8, "kind": "zero"}})).experts
    assert zero.chosen == 1
    assert size(architecture(DENSE)).experts is None


@pytest.mark.parametrize(("sublayer", "expert_parallel"), [(DENSE, 8), (MOE, 3), (MOE, 16)])
def test_uneven_experts_have_no_traffic(sublayer, expert_parallel):
    assert size(architecture(sublayer), Setting(expert_parallel=expert_parallel)).traffic is None


@given(
    sublayers=st.lists(st.sampled_from([ATTENTION, MLA, MAMBA, LIGHTNING, DENSE, MOE, SHARED]), min_size=1, max_size=5),
    repeat=st.integers(1, 4), context=st.integers(1, 500), batch=st.integers(1, 50), tied=st.booleans(),
)  # fmt: skip
def test_totals_add_up(sublayers, repeat, context, batch, tied):
    setting = Setting(context, batch, 4)
    found = size(architecture(*sublayers, repeat=repeat, tied_embeddings=tied), setting)
    report = found.as_dict([DEVICE])
    parts = report["params_by_part"]
    assert list(parts) == list(PARTS)
    assert report["params_total"] == sum(part["total"] for part in parts.values())
    assert report["params_active"] == sum(part["active"] for part in parts.values())
    assert report["params_active"] <= report["params_total"]
    assert report["params_active_excl_embeddings_and_head"] <= report["params_active_excl_input_embedding"]
    for flops in report["flops_per_token"].values():
        assert flops["total"] == pytest.approx(flops["weights"] + flops["attention"] + flops["state"])
    assert report["cache"]["bytes"] == pytest.approx(2 * float(found.cache.numbers(context)))
    assert report["cache"]["bytes_read_in_decode"] <= report["cache"]["bytes"]
    for key, weight_bytes in report["weight_bytes"].items():
        assert weight_bytes == pytest.approx(float(report["params_total"] * FORMATS[key].bytes_per_weight))
    (device,) = report["devices"]
    assert device["fewest"] * DEVICE.memory >= report["weight_bytes"]["bf16"] + batch * report["cache"]["bytes"] - 1
    assert (device["fewest"] - 1) * DEVICE.memory <= report["weight_bytes"]["bf16"] + batch * report["cache"]["bytes"]
    assert {"prefill", "decode"} <= set(device)


def test_plain_values_are_whole_where_they_are_whole():
    report = size(architecture(MOE)).as_dict()
    assert isinstance(report["params_active"], int)
    assert report["scope"] == SCOPE
    assert "devices" not in report
    zero = size(architecture(MOE | {"experts_per_token": 1, "zero": {"count": 3, "kind": "zero"}})).as_dict()
    assert zero["params_by_part"]["routed"]["active"] == pytest.approx(180 * 8 / 11)
    assert size(architecture(DENSE)).as_dict()["all_to_all"] is None


@pytest.mark.parametrize("wrong", [{"context": 0}, {"batch": 0}, {"expert_parallel": 0}])
def test_settings_are_at_least_one(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        size(architecture(DENSE), Setting(**wrong))


def test_what_is_missing_is_named():
    with pytest.raises(UnsizedError, match="norm is not given"):
        size(architecture(DENSE, norm=None))

"""What serves a configuration: three models by hand, and what must hold for any."""

import json
from dataclasses import replace
from fractions import Fraction
from math import floor

import pytest
import small
from config_files import RELEASED
from hypothesis import given
from hypothesis import strategies as st
from small import ATTENTION, DENSE, MLA, MOE, architecture

from moe_kb.importing import read_config
from moe_kb.sizing import Device, Setting, size
from moe_kb.sizing.cache import CACHE_FORMATS
from moe_kb.sizing.deployment import DoesNotFitError, Plan, counts, deploy
from moe_kb.sizing.precision import FORMATS

PEAKS = {"bf16": 989 * 10**12, "fp8": 1978 * 10**12}
H200 = Device("h200", "H200", "bf16", PEAKS["bf16"], 4_800 * 10**9, 141 * 10**9, 450 * 10**9, PEAKS)
H100 = replace(H200, key="h100", name="H100", bandwidth=3_350 * 10**9, memory=80 * 10**9)
TINY = Device("t", "Tiny", "bf16", peak=10**9, bandwidth=10**6, memory=40_000, link=10**5)


def read(name, **changes):
    return read_config(json.dumps(json.loads(RELEASED[name]) | changes), source="s").architecture


def served(built, device, plan=None, **setting):
    return deploy(built, size(built, Setting(**setting)), device, plan)


def test_deepseek_v3_on_a_node_by_hand():
    found = served(read("deepseek-v3"), H200, context=8192, batch=1)
    # fp8 with a scale of four bytes for each 128 x 128; the rest of the 671,026,404,352 parameters in two bytes.
    expert = 3 * (2048 * 7168 + 4 * 16 * 56)
    routed, whole = 58 * 256 * expert, 673_150_552_416
    other, memory = whole - routed, 141e9 * 0.9
    assert (found.devices, found.nodes, found.device.arithmetic) == (8, 1, "fp8")
    # Of one latent (512 + 64 numbers in 61 layers) all devices of a group keep a copy, so eight groups hold most.
    cache = 61 * 576 * 2 * 8192
    assert (found.full.layout.groups, found.full.layout.tensor, found.full.layout.experts) == (8, 1, 8)
    assert found.weights == pytest.approx(other + routed / 8)
    assert found.left == pytest.approx(memory - other - routed / 8)
    assert found.largest == 8 * floor((memory - other - routed / 8) / cache)
    # A step of one sequence is quickest on eight tensor-parallel devices: eight experts a layer, no input embedding.
    read_bytes = other - 2 * 129280 * 7168 + 58 * 8 * expert
    assert found.asked.layout.tensor == 8
    assert found.asked.seconds == pytest.approx((read_bytes / 8 + cache) / 4.8e12, rel=1e-6)
    assert found.asked.bound == "memory"
    # The largest batch leaves no expert alone.
    batch = found.largest
    touched = 58 * 256 * expert * (1 - (1 - 8 / 256) ** batch)
    seconds = (other - 2 * 129280 * 7168 + touched / 8 + batch / 8 * cache) / 4.8e12
    assert found.full.seconds == pytest.approx(seconds, rel=1e-6)
    assert found.full.per_user == pytest.approx(1 / seconds)
    assert found.full.per_device == pytest.approx(batch / 8 / seconds)


def test_qwen3_in_sixteen_bits_by_hand():
    found = served(read("qwen3-235b-a22b"), H200, Plan(prompt=8192), context=8192, batch=1)
    # 470 GB: two devices of 126.9 GB do not hold it, four do, each with one of four key-value heads.
    assert found.devices == 4
    assert found.weights == pytest.approx(2 * 235_093_634_560 / 4)
    assert found.sequence == 94 * 2 * 128 * 2 * 8192
    assert found.largest == floor((141e9 * 0.9 - found.weights) / found.sequence)
    assert found.device.arithmetic == "bf16"
    # The prompt: 2 operations a weight, 4 x 64 x 128 for each token seen, of 4,096.5 on average.
    routed = 94 * 8 * 3 * 4096 * 1536
    always = 94 * (2 * 4096 * 64 * 128 + 2 * 4096 * 4 * 128 + 4096 * 128) + 151936 * 4096
    looked = 94 * 4 * 64 * 128 * (8192 + 1) / 2
    assert found.first_token == pytest.approx(8192 * (2 * (routed + always) + looked) / 4 / 989e12, rel=1e-3)


def test_gpt_oss_on_one_device_by_hand():
    built = read("gpt-oss-20b", num_hidden_layers=36, num_local_experts=128, layer_types=None)
    found = served(built, H100, context=8192, batch=1)
    # The released file has 65,248,815,744 bytes; 18 of 36 layers keep 128 tokens, of 2 x 8 heads of 64.
    assert size(built).stored.total == 65_248_815_744
    sequence = 18 * 2 * 8 * 64 * 2 * (8192 + 128)
    assert (found.devices, found.sequence) == (1, sequence)
    assert found.largest == floor((0.9 * 80e9 - 65_248_815_744) / sequence)
    assert found.full.layout.words(routed=True) == "one device"


def test_a_price_is_that_of_the_devices():
    found = served(read("mixtral-8x7b"), H200, Plan(price=3.6), context=1024, batch=16)
    for load in (found.asked, found.full):
        a_second = 3.6 / 3600 * found.devices
        assert load.price == pytest.approx(a_second / (load.batch / load.seconds) * 1e6)
    assert served(read("mixtral-8x7b"), H200).asked.price is None


def test_numbers_are_powers_then_nodes():
    assert [*counts(8)][:7] == [1, 2, 4, 8, 16, 24, 32]
    assert [*counts(1)][:3] == [1, 2, 3]
    assert [*counts(72)][:9] == [1, 2, 4, 8, 16, 32, 64, 72, 144]
    assert [*counts(6)][:5] == [1, 2, 4, 6, 12]


def test_heads_and_experts_must_divide():
    built = architecture(ATTENTION, MOE | {"n_routed_experts": 7, "d_expert": 35}, repeat=60)
    device = replace(TINY, memory=round(float(size(built).stored.total)) // 3)
    found = served(built, device, Plan(node=7), context=4)
    assert "4: 7 experts do not lie evenly on 4 devices" in found.remarks
    assert (found.full.layout.experts, found.full.layout.expert_tensor, found.full.layout.tensor) == (7, 1, 1)
    assert "routed experts on a device: 1 of 7" in found.remarks
    three = architecture(ATTENTION | {"n_heads": 3, "n_kv_heads": 3}, repeat=30)
    device = replace(TINY, memory=round(float(size(three).stored.total)) // 2)
    found = served(three, device, Plan(node=6), context=4)
    assert "4: 3 heads are not divided by 2" in found.remarks
    assert (found.devices, found.full.layout.tensor) == (6, 3)


def test_key_value_heads_are_copied_beyond_them():
    built = architecture(ATTENTION, DENSE, repeat=50)  # four query heads, two of keys and values
    device = replace(TINY, memory=2 * size(built).parameters.total // 3)
    found = served(built, device, context=4)
    assert (found.devices, found.asked.layout.tensor) == (4, 4)
    assert "with TP 4 keys and values are kept 2 times, as there are fewer heads" in found.remarks


def test_a_device_without_links_sends_for_free():
    built = architecture(ATTENTION, MOE, repeat=20)
    slow = served(built, replace(TINY, link=1), context=16, batch=4)
    free = served(built, replace(TINY, link=None), context=16, batch=4)
    assert slow.devices > 1
    assert (slow.full.bound, slow.asked.bound) == ("links", "links")
    assert free.full.bound != "links"
    assert any("no source gives the links" in remark for remark in free.remarks)


@pytest.mark.parametrize("wrong", [
    {"reserve": Fraction(1)}, {"reserve": Fraction(-1, 10)}, {"node": 0}, {"prompt": 0}, {"price": -1.0},
    {"price": float("nan")}, {"price": float("inf")},
])  # fmt: skip
def test_senseless_plans_are_refused(wrong):
    with pytest.raises(ValueError, match="at least"):
        Plan(**wrong)


def test_what_no_number_holds_says_so():
    with pytest.raises(DoesNotFitError, match="up to 512 Tiny do not hold a batch of 1"):
        served(architecture(ATTENTION, repeat=5000), TINY)


def test_a_sequence_that_takes_nothing_has_no_limit():
    found = served(architecture(DENSE, repeat=2), TINY, batch=3)
    assert (found.largest, found.full.batch) == (None, 3)
    assert found.as_dict()["largest_batch"] is None


mixers = st.sampled_from([ATTENTION, MLA, small.MAMBA, small.LIGHTNING, ATTENTION | {"window": 7}, small.KDA])
networks = st.sampled_from([DENSE, MOE, MOE | {"shared": {"count": 2, "d_expert": 3}}, MOE | {"n_routed_experts": 12}])
built_of = st.builds(lambda mixer, network, repeat: architecture(mixer, network, repeat=repeat),
                     mixers, networks, st.integers(1, 12))  # fmt: skip
plans = st.builds(Plan, prompt=st.integers(1, 500), reserve=st.fractions(0, Fraction(1, 2)), node=st.integers(1, 9))


def outcome(built, plan, device=TINY, **setting):
    try:
        return served(built, device, plan, **setting)
    except DoesNotFitError:
        return None


@given(built_of, plans, st.integers(1, 2000), st.integers(1, 30))
def test_what_is_found_fits_and_divides(built, plan, context, batch):
    found = outcome(built, plan, context=context, batch=batch)
    if found is None:
        return
    assert found.weights + found.reserved + found.left == pytest.approx(TINY.memory)
    assert found.largest is None or found.largest >= batch
    if found.largest is not None:
        assert found.largest / found.full.layout.groups * found.sequence <= found.left * (1 + 1e-9)
    assert found.asked.seconds <= found.full.seconds * (1 + 1e-9)
    assert found.first_token > 0
    for load in (found.asked, found.full):
        assert load.layout.groups * load.layout.tensor == load.layout.devices == found.devices
        assert load.layout.experts * load.layout.expert_tensor == found.devices
        assert load.per_device * load.layout.devices == pytest.approx(load.per_user * load.batch)


@given(built_of, plans, st.integers(1, 1000), st.integers(1, 20), st.integers(1, 1000), st.integers(0, 20))
def test_more_asked_takes_no_fewer_devices(built, plan, context, batch, longer, more):
    first = outcome(built, plan, context=context, batch=batch)
    for harder in (
        outcome(built, plan, context=context + longer, batch=batch),
        outcome(built, plan, context=context, batch=batch + more),
        outcome(built, replace(plan, reserve=(plan.reserve + 1) / 2), context=context, batch=batch),
    ):
        assert harder is None or (first is not None and first.devices <= harder.devices)


@given(built_of, plans, st.integers(1, 1000), st.integers(1, 1000))
def test_longer_contexts_have_smaller_batches(built, plan, context, longer):
    short = outcome(built, plan, context=context)
    long = outcome(built, plan, context=context + longer)
    if short and long and short.devices == long.devices and short.largest is not None:
        assert long.largest <= short.largest


@given(built_of, plans, st.integers(1, 1000), st.sampled_from([("bf16", "fp8"), ("fp32", "bf16"), ("fp8", "mxfp4")]))
def test_fewer_bits_take_no_more_devices(built, plan, context, keys):
    many, few = (outcome(built, plan, context=context, weights=FORMATS[key]) for key in keys)
    assert many is None or (few is not None and few.devices <= many.devices)
    wide, narrow = (outcome(built, plan, context=context, cache_bytes=CACHE_FORMATS[key][0]) for key in ("bf16", "fp8"))
    assert wide is None or (narrow is not None and narrow.devices <= wide.devices)


@given(built_of, st.integers(1, 1000), st.integers(1, 4))
def test_more_devices_leave_more_cache(built, context, times):
    """Each multiple of a possible number of devices has a layout that holds at least as much."""
    few = outcome(built, Plan(node=1), device=replace(TINY, memory=10**7), context=context)
    many = outcome(built, Plan(node=1), device=replace(TINY, memory=times * 10**7), context=context)
    assert few.left <= many.left
    assert few.largest is None or few.largest <= many.largest

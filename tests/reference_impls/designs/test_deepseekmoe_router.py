import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.device_balance import communication_balance_loss, device_balance_loss, devices_of
from reference_impls.designs.deepseek_v2_router import router as deepseek_v2
from reference_impls.designs.deepseek_v2_router.config import DeepSeekV2Config
from reference_impls.designs.deepseekmoe_router import router as deepseekmoe
from reference_impls.designs.deepseekmoe_router.config import DeepSeekMoEConfig


@settings(max_examples=40, deadline=None)
@given(T=st.integers(0, 20), devices=st.integers(1, 4), per_device=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_losses_between_devices(T, devices, per_device, seed):
    torch.manual_seed(seed)
    E = devices * per_device
    probability_TE = torch.randn(T, E, dtype=torch.float64).softmax(-1)
    choice_TK = probability_TE.topk(min(2, E), dim=-1).indices
    over_devices = device_balance_loss(probability_TE, choice_TK, devices)
    assert 0 <= over_devices <= devices + 1e-9
    used = int(devices_of(choice_TK, E, devices).sum(1).max()) if T else 1
    sent = communication_balance_loss(probability_TE, choice_TK, devices, used)
    assert 0 <= sent <= devices / used + 1e-9
    if devices == 1 and T:
        assert over_devices == pytest.approx(1)
        assert sent == pytest.approx(1)
    if per_device == 1 and T:  # a device of one expert: the loss over devices is that over experts
        share_E = torch.bincount(choice_TK.flatten(), minlength=E) / choice_TK.numel()
        assert over_devices == pytest.approx(float(E * (share_E * probability_TE.mean(0)).sum()))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), devices=st.sampled_from([1, 2, 4]), factor=st.floats(0.2, 5.0))
def test_budgets_hold_in_training_and_only_there(seed, devices, factor):
    torch.manual_seed(seed)
    config = DeepSeekV2Config(
        d_model=16, d_expert=8, n_experts=8, experts_per_token=2, n_devices=devices, top_devices=1,
        device_capacity_factor=factor, spared_sequences=0.0,
    )  # fmt: skip
    layer = deepseek_v2.make_layer(config)
    torch.nn.init.normal_(layer.router.weight_ED)
    x_BSD = torch.randn(3, 7, 16)
    kept = layer.train()(x_BSD)[1].routing
    wanted = layer.eval()(x_BSD)[1].routing
    assert wanted.n_dropped == 0
    device = 8 // devices
    dropped_weight = set(wanted.weight_A.tolist()) - set(kept.weight_A.tolist())
    for d in range(devices):
        here_A = kept.expert_A // device == d
        assert here_A.sum() <= -(-3 * 7 * 2 * factor // devices)
        lost = [
            w for w, e in zip(wanted.weight_A.tolist(), wanted.expert_A.tolist(), strict=True)
            if e // device == d and w in dropped_weight
        ]  # fmt: skip
        assert max(lost, default=0) <= min(kept.weight_A[here_A].tolist(), default=1e9)


def test_all_sequences_spared_means_no_drops():
    config = DeepSeekV2Config(d_model=16, d_expert=8, device_capacity_factor=0.1, spared_sequences=1.0)
    layer = deepseek_v2.make_layer(config).train()
    assert layer(torch.randn(3, 7, 16))[1].routing.n_dropped == 0


def test_shared_experts_may_be_none():
    layer = deepseekmoe.make_layer(DeepSeekMoEConfig(d_model=16, d_expert=8, shared_experts=0))
    assert layer.shared is None

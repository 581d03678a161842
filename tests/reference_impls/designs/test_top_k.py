"""Designs in which a token chooses a fixed number of experts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from reference_impls import make_layer
from reference_impls.core.device_balance import communication_balance_loss, device_balance_loss, devices_of
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.metrics import load_cv
from reference_impls.core.routing import Progress
from reference_impls.designs.deepseek_v2_router import router as deepseek_v2
from reference_impls.designs.deepseek_v2_router.config import DeepSeekV2Config
from reference_impls.designs.deepseekmoe_router import router as deepseekmoe
from reference_impls.designs.deepseekmoe_router.config import DeepSeekMoEConfig
from reference_impls.designs.moduleformer_router import router as moduleformer
from reference_impls.designs.moduleformer_router.config import ModuleFormerConfig
from reference_impls.designs.multi_head_moe.config import MultiHeadConfig
from reference_impls.designs.multi_head_moe.router import distinct_experts
from reference_impls.designs.orthogonality_loss.router import orthonormalise
from reference_impls.designs.similarity_preserving_balance.router import orthonormality_loss
from reference_impls.designs.sparsemixer_v2_router.router import draw, near_softmax
from reference_impls.designs.topk_softmax_router.experts import ClampedSwiGLUExperts

D, F, E, B, S = 32, 24, 16, 3, 20


def deepseek_v3_layer(dtype: torch.dtype = torch.float64, **changes: object) -> MoELayer:
    """A layer whose router and biases are not uniform."""
    made = make_layer("deepseek-v3-router", **{"d_model": D, "d_expert": F, "n_experts": E} | changes).to(dtype)
    torch.nn.init.normal_(made.router.weight_ED, std=D**-0.5)
    torch.nn.init.normal_(made.router.bias_E, std=0.1)
    return made


@settings(max_examples=40, deadline=None)
@given(n_groups=st.sampled_from([1, 2, 4, 8]), data=st.data(), seed=st.integers(0, 2**31), tokens=st.integers(1, 30))
def test_no_token_leaves_its_groups_and_weights_add_up_to_the_scale(n_groups, data, seed, tokens):
    torch.manual_seed(seed)
    top_groups = data.draw(st.integers(1, n_groups))
    k = data.draw(st.integers(1, top_groups * E // n_groups))
    ours = deepseek_v3_layer(
        torch.float32, n_groups=n_groups, top_groups=top_groups, experts_per_token=k, routed_scale=1.7
    )
    routing = ours(torch.randn(1, tokens, D))[1].routing
    total_T = torch.zeros(tokens).index_add(0, routing.token_A, routing.weight_A)
    torch.testing.assert_close(total_T, torch.full((tokens,), 1.7))
    group_TK = routing.expert_A.view(tokens, k) // (E // n_groups)
    assert max(len(set(row)) for row in group_TK.tolist()) <= top_groups
    assert all(len(set(row)) == k for row in routing.expert_A.view(tokens, k).tolist())
    assert routing.n_dropped == 0


def test_the_bias_chooses_and_does_not_weigh():
    ours = deepseek_v3_layer(n_groups=1, top_groups=1, experts_per_token=3)
    x_BSD = torch.randn(B, S, D, dtype=torch.float64)
    before = ours(x_BSD)[0]
    with torch.no_grad():
        ours.router.bias_E += 5.0  # the same for all: every choice, and so every output, must stay
    torch.testing.assert_close(ours(x_BSD)[0], before)
    with torch.no_grad():
        ours.router.bias_E[3] += 10.0
    load_E = ours(x_BSD)[1].routing.load_E
    assert int(load_E[3]) == B * S


@pytest.mark.parametrize("seed", range(3))
def test_the_bias_evens_a_load_that_is_uneven(seed):
    """Inputs with a common direction favour a few experts; the bias alone, nothing being learned, evens it."""
    torch.manual_seed(seed)
    ours = deepseek_v3_layer(torch.float32, bias_update_speed=0.01)
    ours.router.bias_E.zero_()
    common_D = torch.randn(D)

    def load_E() -> Tensor:
        with torch.no_grad():
            return ours(torch.randn(8, 64, D) + common_D)[1].routing.load_E.double()

    before = load_cv(load_E())
    for _ in range(200):
        with torch.no_grad():
            ours.router.on_step(ours(torch.randn(8, 64, D) + common_D)[1].routing, Progress(1, 1))
    after = load_cv(load_E())
    assert before > 0.8
    assert after < 0.2


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


def test_all_sequences_spared_means_no_drops():
    config = DeepSeekV2Config(d_model=16, d_expert=8, device_capacity_factor=0.1, spared_sequences=1.0)
    layer = deepseek_v2.make_layer(config).train()
    assert layer(torch.randn(3, 7, 16))[1].routing.n_dropped == 0


def test_shared_experts_may_be_none():
    layer = deepseekmoe.make_layer(DeepSeekMoEConfig(d_model=16, d_expert=8, shared_experts=0))
    assert layer.shared is None


def test_the_conventions_differ_as_documented():
    torch.manual_seed(1)
    probability_TE = (torch.randn(400, E) + torch.linspace(0, 3, E)).softmax(-1)
    choice_TK = probability_TE.topk(2, dim=-1).indices
    value = {
        name: float(load_balancing_loss(probability_TE, choice_TK, name))
        for name in ("per-token", "per-assignment", "first-choice")
    }
    assert value["per-token"] == pytest.approx(2 * value["per-assignment"], rel=1e-6)
    first = torch.bincount(choice_TK[:, 0], minlength=E) / 400
    assert value["first-choice"] == pytest.approx(float(E * first @ probability_TE.mean(0)), rel=1e-5)
    assert value["first-choice"] != pytest.approx(value["per-assignment"], rel=1e-3)


def test_perfect_balance_gives_the_documented_values():
    probability_TE = torch.full((E, E), 1 / E)
    choice_TK = torch.stack([torch.arange(E), torch.arange(E).roll(1)], dim=1)
    for convention, expected in (("per-token", 2), ("per-assignment", 1), ("first-choice", 1)):
        value = float(load_balancing_loss(probability_TE, choice_TK, convention))
        assert value == pytest.approx(expected, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(limit=st.floats(0.1, 10), scale=st.floats(0.1, 1e4), seed=st.integers(0, 2**31))
def test_the_clamps_bound_what_an_expert_can_say(limit, scale, seed):
    torch.manual_seed(seed)
    bank = ClampedSwiGLUExperts(1, 8, 6, gain=1.702, limit=limit)
    y_RD = bank(scale * torch.randn(20, 8), 0)
    # |up + 1| is at most limit + 1; the gate times its sigmoid is at most limit, and at least -0.17.
    most_D = max(limit, 0.17) * (limit + 1) * bank.w_out_EDF[0].abs().sum(1)
    assert (y_RD.abs() <= most_D * (1 + 1e-5)).all()


def test_an_expert_without_input_says_its_bias():
    bank = ClampedSwiGLUExperts(2, 8, 6, gain=1.702, limit=7.0)
    with torch.no_grad():
        bank.b_out_ED.normal_()
        torch.testing.assert_close(bank(torch.zeros(3, 8), 1), bank.b_out_ED[1].expand(3, 8))


def test_a_block_of_another_design_is_refused():
    from transformers import GptOssConfig
    from transformers.models.gpt_oss.modeling_gpt_oss import GptOssMLP

    block = GptOssMLP(GptOssConfig(hidden_size=8, intermediate_size=6, num_local_experts=4, num_experts_per_tok=2))
    make_layer("topk-softmax-router", d_model=8, d_expert=6, n_experts=4, experts_per_token=2).load_transformers_block(
        block
    )
    with pytest.raises(ValueError, match=r"experts\.w_in_EID is \(4, 24, 8\) here, \(4, 12, 8\) in GptOssMLP"):
        make_layer(
            "topk-softmax-router", d_model=8, d_expert=12, n_experts=4, experts_per_token=2
        ).load_transformers_block(block)
    with pytest.raises(ValueError, match="for which this layer has no place"):
        make_layer("mixtral-top2-router", d_model=8, d_expert=6, n_experts=4).load_transformers_block(block)


@settings(deadline=None, max_examples=25)
@given(D=st.integers(1, 6), E=st.integers(1, 12), seed=st.integers(0, 2**31))
def test_the_loss_is_least_for_orthonormal_rows(D: int, E: int, seed: int):
    generator = torch.Generator().manual_seed(seed)
    weight_ED = torch.randn(E, D, dtype=torch.float64, generator=generator)
    loss = float(orthonormality_loss(weight_ED))
    # The Gram matrix of E rows in D dimensions has rank D at most: E - D eigenvalues of the difference are -1.
    assert loss >= max(E - D, 0) - 1e-9
    if E <= D:
        orthonormal_ED = torch.linalg.qr(weight_ED.T).Q.T
        assert float(orthonormality_loss(orthonormal_ED)) < 1e-9


def test_the_loss_does_not_depend_on_the_tokens():
    layer = make_layer("similarity-preserving-balance", d_model=16, d_expert=8)
    few, many = layer(torch.randn(1, 2, 16))[1], layer(torch.randn(4, 9, 16))[1]
    assert torch.equal(few.losses["orthonormality"].value, many.losses["orthonormality"].value)
    assert few.losses["orthonormality"].coefficient == 0.1


def test_a_narrow_router_has_its_loss_in_float32():
    layer = make_layer("similarity-preserving-balance", d_model=16, d_expert=8).bfloat16()
    assert orthonormality_loss(layer.router.weight_ED).dtype == torch.float32


def omoe_layer(n_experts: int = 4, k: int = 2, **fields):
    return make_layer(
        "orthogonality-loss", d_model=16, d_expert=8, n_experts=n_experts, experts_per_token=k, **fields
    ).double()


@settings(deadline=None, max_examples=25)
@given(T=st.integers(0, 5), K=st.integers(1, 4), D=st.integers(4, 9), seed=st.integers(0, 2**31))
def test_a_basis_spans_what_was_given(T: int, K: int, D: int, seed: int):
    x_TKD = torch.randn(T, K, D, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    basis_TKD = orthonormalise(x_TKD)
    projected_TKD = torch.einsum("tkd,tld,tle->tke", x_TKD, basis_TKD, basis_TKD)
    torch.testing.assert_close(projected_TKD, x_TKD, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (0, 4)])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_gram_schmidt_layers_stand_any_batch(shape: tuple[int, int], k: int):
    layer = omoe_layer(k=k, orthogonality="gram-schmidt")
    for x_BSD in (torch.randn(*shape, 16, dtype=torch.float64), torch.zeros(*shape, 16, dtype=torch.float64)):
        leaf = x_BSD.requires_grad_()
        y_BSD, info = layer(leaf)
        y_BSD.sum().backward()
        assert y_BSD.shape == x_BSD.shape
        assert bool(leaf.grad.isfinite().all())
        assert set(info.losses) == {"load_balance"}


def test_the_range_is_relative():
    logit_TE = torch.tensor([[2.0, 1.7, 1.5], [-2.0, -2.3, -2.6], [0.0, 0.0, -1.0]])
    near_TE = near_softmax(logit_TE, logit_TE, 0.2) > 0
    assert near_TE.tolist() == [[True, True, False], [True, True, False], [True, True, False]]


def test_a_lone_expert_has_weight_one_and_nothing_to_learn():
    logit_TE = torch.tensor([[5.0, 1.0]], requires_grad=True)
    _, weight_T1 = draw(near_softmax(logit_TE, logit_TE, 0.1))
    weight_T1.sum().backward()
    assert weight_T1.item() == pytest.approx(1)
    assert logit_TE.grad.abs().max() == 0


def multi_head_layer(heads: int, k: int = 2, **fields):
    return make_layer(
        "multi-head-moe", d_model=16, d_expert=8, n_experts=5, token_heads=heads, experts_per_token=k, **fields
    ).double()


def test_what_a_part_holds_reaches_only_its_experts():
    layer = multi_head_layer(4, k=1)
    with torch.no_grad():
        layer.head_DD.copy_(torch.eye(16))
        layer.merge_DD.copy_(torch.eye(16))
    x_BSD = torch.randn(1, 6, 16, dtype=torch.float64)
    other = x_BSD.clone()
    other[..., :4] += 1
    change = (layer(other)[0] - layer(x_BSD)[0]).detach().abs()
    assert float(change[..., 4:].max()) < 1e-15
    assert float(change[..., :4].max()) > 0


def test_the_inner_residual_alone_is_the_two_projections():
    layer = multi_head_layer(4, inner_residual=True)
    with torch.no_grad():
        layer.experts.w_out_EDF.zero_()
    x_BSD = torch.randn(2, 3, 16, dtype=torch.float64)
    torch.testing.assert_close(layer(x_BSD)[0], x_BSD @ layer.head_DD.T @ layer.merge_DD.T)


def test_distinct_experts_are_counted_once():
    assert distinct_experts(torch.tensor([[0, 0, 2], [1, 3, 2]]), 5) == 2.5
    assert distinct_experts(torch.zeros(0, 4, dtype=torch.int64), 5) == 0


@pytest.mark.parametrize(("heads", "k", "active"), [(1, 2, 2), (4, 1, 4), (4, 2, 8), (4, 3, 8)])
def test_active_experts_stop_at_all_of_them(heads: int, k: int, active: int):
    assert MultiHeadConfig(token_heads=heads, experts_per_token=k).active_experts == active


def test_initial_projections_are_xavier_uniform_the_first_divided_by_the_root_of_two():
    layer = make_layer("multi-head-moe", d_model=128, token_heads=2)
    bound = (6 / (128 + 128)) ** 0.5
    for weight_DD, largest in ((layer.head_DD, bound / 2**0.5), (layer.merge_DD, bound)):
        assert 0.99 * largest < float(weight_DD.detach().abs().max()) <= largest
        assert float(weight_DD.detach().std()) == pytest.approx(largest / 3**0.5, rel=0.05)


def test_descending_the_loss_makes_the_gate_certain_and_the_load_even():
    torch.manual_seed(0)
    config = ModuleFormerConfig(d_model=16, d_expert=8, n_experts=4, experts_per_token=1)
    layer = moduleformer.make_layer(config)
    x_BSD = torch.randn(4, 32, 16)
    optimiser = torch.optim.Adam(layer.router.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        layer(x_BSD)[1].losses["token_information"].value.backward()
        optimiser.step()
    routing = layer.eval()(x_BSD)[1].routing
    assert routing.entropy < 0.3
    assert routing.load_E.min() > 10

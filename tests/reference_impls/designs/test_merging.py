"""Designs that mix tokens or merge experts."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.core.routing import RoutingContext
from reference_impls.core.soft import group_softmax, slot_entropy
from reference_impls.designs.mixture_of_tokens import router as mot
from reference_impls.designs.mixture_of_tokens.config import MixtureOfTokensConfig
from reference_impls.designs.mixture_of_tokens.router import TokenBlender
from reference_impls.designs.soft_moe_slots.config import SoftMoEConfig


def smear_layer(E: int, dropout: float = 0.1):
    return make_layer("smear", d_model=8, d_expert=4, n_experts=E, expert_dropout=dropout).double()


def test_dropout_leaves_experts_out_as_often_as_it_says_and_in_training_only():
    torch.manual_seed(0)
    merged = smear_layer(8, dropout=0.3)
    x_BSD = torch.randn(2000, 1, 8, dtype=torch.float64)
    weight_GE = merged.train()(x_BSD)[1].routing.weight_GE
    assert abs(float((weight_GE < 1e-6).double().mean()) - 0.3) < 0.02
    torch.testing.assert_close(weight_GE.sum(-1), torch.ones(2000, dtype=torch.float64))
    assert float(merged.eval()(x_BSD)[1].routing.weight_GE.min().detach()) > 0.01


def test_without_any_expert_left_the_average_is_the_plain_one():
    torch.manual_seed(0)
    merged = smear_layer(2, dropout=0.9).train()
    weight_GE = merged(torch.randn(500, 1, 8, dtype=torch.float64))[1].routing.weight_GE
    plain_G = (weight_GE - 0.5).abs().amax(-1) < 1e-9
    assert 0.7 < float(plain_G.double().mean()) < 0.9  # 0.9 squared


def lory_layer(**fields):
    return make_layer("lory-segment-merging", d_model=8, d_expert=4, n_experts=3, **fields).double()


@settings(max_examples=20, deadline=None)
@given(S=st.integers(1, 9), segment=st.integers(1, 5), seed=st.integers(0, 999))
def test_a_prefix_is_scored_as_in_the_whole_once_the_first_segment_is_full(S, segment, seed):
    torch.manual_seed(seed)
    x_BSD = torch.randn(2, S + 5, 8, dtype=torch.float64)
    even = lory_layer(segment_length=segment)
    torch.testing.assert_close(even(x_BSD[:, :S])[0], even(x_BSD)[0][:, :S])
    itself = lory_layer(segment_length=segment, first_segment="itself")
    if segment <= S:
        torch.testing.assert_close(itself(x_BSD[:, :S])[0], itself(x_BSD)[0][:, :S])


def test_an_even_first_segment_is_the_plain_average():
    even = lory_layer(segment_length=4)
    weight_GE = even(torch.randn(1, 8, 8, dtype=torch.float64))[1].routing.weight_GE
    torch.testing.assert_close(weight_GE[0], torch.full((3,), 1 / 3, dtype=torch.float64))
    assert weight_GE[1].requires_grad


def meo_layer(E: int = 4, k: int = 2):
    return make_layer("meo-sequence-merging", d_model=16, d_expert=4, n_experts=E, merged_experts=k).double()


def test_token_attention_begins_as_nothing():
    x_TD = torch.randn(5, 16, dtype=torch.float64)
    assert torch.equal(meo_layer().router.attention(x_TD), x_TD)


@settings(max_examples=30, deadline=None)
@given(B=st.integers(1, 5), E=st.integers(1, 5), k=st.integers(1, 5), seed=st.integers(0, 2**31))
def test_a_sequence_merges_k_experts_in_training_and_outside(B, E, k, seed):
    torch.manual_seed(seed)
    k = min(k, E)
    meo = meo_layer(E, k)
    torch.nn.init.normal_(meo.router.gate.weight_ED)
    for mode in (True, False):
        routing = meo.train(mode)(torch.randn(B, 3, 16, dtype=torch.float64))[1].routing
        assert ((routing.weight_GE > 0).sum(-1) == k).all()
        torch.testing.assert_close(routing.weight_GE.sum(-1), torch.ones(B, dtype=torch.float64))


def test_a_sequence_of_padding_takes_no_part_in_the_losses():
    meo = meo_layer().eval()
    torch.nn.init.normal_(meo.router.gate.weight_ED)
    x_BSD = torch.randn(3, 4, 16, dtype=torch.float64)
    real_BS = torch.ones(3, 4, dtype=torch.bool)
    real_BS[2] = False
    padded, short = meo(x_BSD, real_BS)[1], meo(x_BSD[:2])[1]
    for name, part in short.losses.items():
        torch.testing.assert_close(padded.losses[name].value, part.value)


@settings(max_examples=30, deadline=None)
@given(T=st.integers(0, 12), G=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_softmax_by_groups_is_the_softmax_of_each_group(T, G, seed):
    generator = torch.Generator().manual_seed(seed)
    logit_TES = 30 * torch.randn(T, 2, 3, generator=generator, dtype=torch.float64)
    group_T = torch.randint(G, (T,), generator=generator)
    weight_TES = group_softmax(logit_TES, group_T, G)
    for g in range(G):
        torch.testing.assert_close(weight_TES[group_T == g], logit_TES[group_T == g].softmax(0))


def test_slots_of_plain_means_have_the_largest_entropy():
    group_T = torch.tensor([0, 0, 0, 0, 2, 2, 2, 2])
    dispatch_TES = torch.full((8, 2, 1), 0.25)
    assert slot_entropy(dispatch_TES, group_T, 3) == pytest.approx(math.log(4))
    assert slot_entropy(dispatch_TES[:0], group_T[:0], 3) == 0


def test_cost_is_that_of_the_slots():
    assert SoftMoEConfig(n_experts=8, slots_per_expert=2).active_experts_of(sequences=32, tokens=16) == 1
    assert SoftMoEConfig(n_experts=32, slots_per_expert=1).active_experts_of(sequences=32, tokens=16) == 2
    assert SoftMoEConfig(n_experts=8, slots_per_expert=4).active_experts_of(sequences=32, tokens=16) == 2


def config(**fields) -> MixtureOfTokensConfig:
    return MixtureOfTokensConfig(d_model=8, d_expert=4, n_experts=3, **fields)


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(0, 5), min_size=1, max_size=7), size=st.integers(1, 4))
def test_a_group_is_one_position_of_neighbouring_sequences(lengths, size):
    sequence_T = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    context = RoutingContext.of_sequences(sequence_T, len(lengths))
    group_T, n_groups = TokenBlender(config(group_size=size)).groups(context)
    seen: dict[int, list[tuple[int, int]]] = {}
    for group, sequence, position in zip(
        group_T.tolist(), sequence_T.tolist(), context.position_T.tolist(), strict=True
    ):
        assert 0 <= group < n_groups
        seen.setdefault(group, []).append((sequence // size, position))
    assert all(len(set(members)) == 1 for members in seen.values())
    assert len(seen) == len({members[0] for members in seen.values()})


@settings(max_examples=20, deadline=None)
@given(B=st.integers(1, 5), S=st.integers(1, 5), size=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_a_text_scored_alone_differs_only_if_it_had_company(B, S, size, seed):
    torch.manual_seed(seed)
    layer = mot.make_layer(config(group_size=size)).double()
    x_BSD = torch.randn(B, S, 8, dtype=torch.float64)
    together, alone = layer(x_BSD)[0][0], layer(x_BSD[:1])[0][0]
    had_company = min(size, B) > 1
    assert torch.allclose(together, alone) is not had_company


def test_blends_are_what_is_paid_for():
    assert MixtureOfTokensConfig().active_experts == 2
    assert MixtureOfTokensConfig(group_size=16).active_experts_of(sequences=16, tokens=8) == 1
    assert MixtureOfTokensConfig(group_size=512).active_experts_of(sequences=4, tokens=8) == pytest.approx(4)


def homoe_layer(P: int, beta: float):
    return make_layer("homoe-hopfield-soft", d_model=8, d_expert=4, n_prototypes=P, inverse_temperature=beta).double()


@settings(max_examples=30, deadline=None)
@given(P=st.integers(1, 6), T=st.integers(1, 7), seed=st.integers(0, 2**31))
def test_without_temperature_the_memory_returns_the_mean_of_its_patterns(P, T, seed):
    torch.manual_seed(seed)
    cold = homoe_layer(P, 0.0)
    x_TD = torch.randn(T, 8, dtype=torch.float64)
    mean = cold.router.memory_PD.mean(0).expand(T, 8)
    torch.testing.assert_close(cold.router.retrieve(x_TD)[0], mean)
    assert cold(x_TD[None])[1].stats["retrieval_entropy"] == pytest.approx(math.log(P))


@settings(max_examples=30, deadline=None)
@given(P=st.integers(1, 6), T=st.integers(1, 7), seed=st.integers(0, 2**31))
def test_a_very_exact_memory_returns_the_pattern_of_largest_product(P, T, seed):
    torch.manual_seed(seed)
    exact = homoe_layer(P, 1000.0)
    x_TD = 100 * torch.randn(T, 8, dtype=torch.float64)
    patterns = exact.router.memory_PD
    nearest = patterns[(x_TD @ patterns.T).argmax(-1)]
    torch.testing.assert_close(exact.router.retrieve(x_TD)[0], nearest, rtol=1e-3, atol=1e-3)

"""The groups of Mixture of Tokens, whatever the batch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.routing import RoutingContext
from reference_impls.designs.mixture_of_tokens.config import MixtureOfTokensConfig
from reference_impls.designs.mixture_of_tokens.router import TokenBlender, make_layer


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
    layer = make_layer(config(group_size=size)).double()
    x_BSD = torch.randn(B, S, 8, dtype=torch.float64)
    together, alone = layer(x_BSD)[0][0], layer(x_BSD[:1])[0][0]
    had_company = min(size, B) > 1
    assert torch.allclose(together, alone) is not had_company


def test_blends_are_what_is_paid_for():
    assert MixtureOfTokensConfig().active_experts == 2
    assert MixtureOfTokensConfig(group_size=16).active_experts_of(sequences=16, tokens=8) == 1
    assert MixtureOfTokensConfig(group_size=512).active_experts_of(sequences=4, tokens=8) == pytest.approx(4)

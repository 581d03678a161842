"""Sentence-level routing: weights, units and what reaches the router."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.layer import MoELayer
from reference_impls.core.merging import group_mean
from reference_impls.designs.sentence_level_routing.config import SentenceLevelConfig
from reference_impls.designs.sentence_level_routing.router import make_layer


def layer(n_experts: int = 4, k: int = 2) -> MoELayer:
    config = SentenceLevelConfig(d_model=8, d_expert=12, n_experts=n_experts, experts_per_token=k)
    made = make_layer(config).double()
    torch.nn.init.normal_(made.router.weight_ED)
    return made


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(0, 5), min_size=1, max_size=5), E=st.integers(1, 5), seed=st.integers(0, 999))
def test_a_sequence_is_one_unit_and_its_weights_add_up_to_one(lengths, E, seed):
    torch.manual_seed(seed)
    x_BSD = torch.randn(len(lengths), 5, 8, dtype=torch.float64)
    real_BS = torch.arange(5) < torch.tensor(lengths)[:, None]
    share_TE = layer(E, min(2, E))(x_BSD, real_BS)[1].routing.share_TE()
    per_sequence = share_TE.split(lengths)
    for share in per_sequence:
        assert (share == share[:1]).all()
    if E > 1:
        torch.testing.assert_close(share_TE.sum(1), torch.ones(sum(lengths), dtype=torch.float64))


def test_the_mean_of_no_tokens_is_zero_and_not_a_number_is_nowhere():
    mean_GD = group_mean(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 2]), 3)
    assert mean_GD.flatten().tolist() == [2.0, 0.0, 5.0]


@pytest.mark.parametrize("k", [1, 2])
def test_the_task_loss_alone_teaches_the_router(k):
    made = layer(k=k)
    y_BSD, _ = made(torch.randn(3, 5, 8, dtype=torch.float64))
    y_BSD.square().sum().backward()
    assert made.router.weight_ED.grad.abs().sum() > 0


def test_other_sequences_of_the_batch_change_nothing():
    made, x_BSD = layer(), torch.randn(4, 5, 8, dtype=torch.float64)
    torch.testing.assert_close(made(x_BSD)[0][2:3], made(x_BSD[2:3])[0], rtol=1e-12, atol=1e-12)

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.sparsemixer_v2_router.config import SparseMixerConfig
from reference_impls.designs.sparsemixer_v2_router.router import draw, make_layer, near_softmax


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31), E=st.integers(1, 6), training=st.booleans(), width=st.floats(0.01, 2), data=st.data()
)
def test_each_round_takes_another_expert(seed, E, training, width, data):
    torch.manual_seed(seed)
    K = data.draw(st.integers(1, E))
    config = SparseMixerConfig(d_model=8, d_expert=8, n_experts=E, experts_per_token=K, relative_width=width)
    layer = make_layer(config).train(training)
    torch.nn.init.normal_(layer.router.weight_ED)
    _, info = layer(torch.randn(2, 9, 8))
    expert_TK = info.routing.expert_A.view(18, K)
    assert (expert_TK.sort(-1).values.diff(dim=-1) > 0).all()
    assert ((info.routing.weight_A > 0) & (info.routing.weight_A <= 1 + 1e-6)).all()
    assert 1 <= info.stats["near_experts"] <= E
    assert 0 <= info.stats["drawn_off_best"] <= (1 if training else 0)


def test_outside_training_the_best_are_taken_in_order():
    torch.manual_seed(0)
    layer = make_layer(SparseMixerConfig(d_model=8, d_expert=8, experts_per_token=3)).eval()
    x_BSD = torch.randn(2, 9, 8)
    best_TK = layer.router.logits(x_BSD.view(18, 8)).topk(3, dim=-1).indices
    assert torch.equal(layer(x_BSD)[1].routing.expert_A.view(18, 3), best_TK)


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

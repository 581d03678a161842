"""THOR: who shares a draw, and what two runs have in common."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.layer import MoELayer
from reference_impls.designs.thor_random.config import ThorConfig
from reference_impls.designs.thor_random.router import disagreement, make_layer


def layer(**fields: object) -> MoELayer:
    return make_layer(ThorConfig(d_model=8, d_expert=12, **fields)).double()


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4), E=st.integers(1, 6),
    unit=st.sampled_from(["batch", "sequence", "token"]), training=st.booleans(), seed=st.integers(0, 999),
)  # fmt: skip
def test_one_expert_a_token_and_one_draw_a_unit(lengths, E, unit, training, seed):
    torch.manual_seed(seed)
    made = layer(n_experts=E, draw_train=unit, draw_eval=unit).train(training)
    real_BS = torch.arange(6) < torch.tensor(lengths)[:, None]
    routing = made(torch.randn(len(lengths), 6, 8, dtype=torch.float64), real_BS)[1].routing
    assert routing.token_A.tolist() == list(range(sum(lengths)))
    assert routing.weight_A.eq(1).all()
    experts = [set(part.tolist()) for part in routing.expert_A.split(lengths)]
    if unit == "sequence":
        assert all(len(part) <= 1 for part in experts)
    if unit == "batch":
        assert len(set().union(*experts)) <= 1


def test_draws_of_two_calls_are_independent():
    made, x_BSD = layer(draw_eval="token").eval(), torch.zeros(1, 20_000, 8, dtype=torch.float64)
    first, second = (made(x_BSD)[1].routing.expert_A for _ in range(2))
    assert float((first == second).double().mean()) == pytest.approx(1 / 4, abs=0.02)


def test_disagreement_is_finite_where_a_class_is_impossible():
    certain = torch.tensor([[1e4, 0.0]])
    assert disagreement(certain, torch.zeros(1, 2)).isfinite()


def test_training_and_evaluation_draw_by_their_own_unit():
    made, x_BSD = layer(draw_train="batch", draw_eval="token"), torch.zeros(2, 50, 8, dtype=torch.float64)
    assert len(made.train()(x_BSD)[1].routing.expert_A.unique()) == 1
    assert len(made.eval()(x_BSD)[1].routing.expert_A.unique()) > 1

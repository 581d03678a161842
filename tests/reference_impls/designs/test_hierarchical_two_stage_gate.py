import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.hierarchical_two_stage_gate.config import TwoStageConfig
from reference_impls.designs.hierarchical_two_stage_gate.router import gate_logits, make_layer


@pytest.mark.parametrize(("n_experts", "n_groups"), [(1, 1), (3, 1), (4, 2), (5, 1), (6, 2), (8, 4), (32, 4)])
def test_any_number_of_experts_has_groups(n_experts: int, n_groups: int):
    config = TwoStageConfig.with_experts(n_experts)
    assert (config.n_groups, config.active_experts) == (n_groups, n_experts / n_groups)


@settings(deadline=None, max_examples=25)
@given(
    gates=st.tuples(*2 * [st.sampled_from(["softmax", "laplace"])]), groups=st.sampled_from([1, 2, 3, 6]),
    T=st.integers(0, 9), seed=st.integers(0, 2**31),
)  # fmt: skip
def test_every_token_has_all_experts_of_one_group(gates: tuple[str, str], groups: int, T: int, seed: int):
    torch.manual_seed(seed)
    config = TwoStageConfig(
        d_model=8, d_expert=4, n_experts=6, n_groups=groups, coarse_gate=gates[0], fine_gate=gates[1]
    )
    x_BSD = torch.randn(1, T, 8)
    y_BSD, info = make_layer(config)(x_BSD)
    routing = info.routing
    size = 6 // groups
    assert y_BSD.shape == x_BSD.shape
    assert routing.expert_A.numel() == T * size
    assert torch.equal(routing.expert_A.view(T, size) % size, torch.arange(size).expand(T, size))
    assert bool((routing.weight_A.view(T, size).sum(-1) <= 1 + 1e-6).all())
    assert 0 <= info.stats["group_probability"] <= 1 + 1e-6


def test_the_laplace_gate_prefers_the_nearest_point_and_ignores_lengths():
    point_ND = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    logit_TN = gate_logits(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), point_ND, "laplace")
    torch.testing.assert_close(logit_TN, torch.tensor([[0.0, -5.0], [-5.0, 0.0]]))

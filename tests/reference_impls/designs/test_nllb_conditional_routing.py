"""NLLB's conditional routing: the budget in training, the dropped gate, what cannot be dropped."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.layer import MoELayer
from reference_impls.designs.nllb_conditional_routing.config import NllbCmrConfig
from reference_impls.designs.nllb_conditional_routing.router import make_layer


def layer(**fields: object) -> MoELayer:
    made = make_layer(NllbCmrConfig(**({"d_model": 8, "d_expert": 12, "n_experts": 4} | fields))).double()
    torch.nn.init.normal_(made.router.weight_ED)
    torch.nn.init.normal_(made.router.gate_1D)
    return made


@settings(max_examples=30, deadline=None)
@given(B=st.integers(1, 3), S=st.integers(1, 12), E=st.integers(1, 6), seed=st.integers(0, 999))
def test_mixture_and_shared_network_share_out_each_token(B, S, E, seed):
    torch.manual_seed(seed)
    made = layer(n_experts=E, capacity_factor_eval=8.0).eval()
    routing = made(torch.randn(B, S, 8, dtype=torch.float64))[1].routing
    assert routing.n_dropped == 0
    torch.testing.assert_close(routing.share_TE().sum(1) + routing.shared_T, torch.ones(B * S, dtype=torch.float64))
    assert routing.stats["mixture_share"] == pytest.approx(float(1 - routing.shared_T.detach().mean()))


@pytest.mark.parametrize("budget", [0.2, 0.9])
def test_the_budget_loss_alone_brings_the_mean_gate_to_the_budget(budget):
    made = layer(mixture_budget=budget).train()
    optimiser = torch.optim.SGD([made.router.gate_1D, made.router.gate_bias], lr=0.2)
    x_BSD = torch.randn(4, 32, 8, dtype=torch.float64)
    for _ in range(300):
        info = made(x_BSD)[1]
        optimiser.zero_grad()
        info.losses["budget"].value.backward()
        optimiser.step()
    assert info.stats["mixture_share"] == pytest.approx(budget, abs=0.02)


def test_a_dropped_gate_leaves_the_token_to_the_shared_network_in_training_only():
    made = layer(gate_dropout=0.5)
    x_BSD = torch.randn(2, 200, 8, dtype=torch.float64)
    dropped = made.train()(x_BSD)[1].routing.shared_T == 1
    assert 0.4 < dropped.double().mean() < 0.6
    assert not (made.eval()(x_BSD)[1].routing.shared_T == 1).any()

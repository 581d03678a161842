"""DeepSeek-V3: groups, weights, and what the bias does."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from reference_impls.core.layer import MoELayer
from reference_impls.core.metrics import load_cv
from reference_impls.core.routing import Progress
from reference_impls.designs.deepseek_v3_router.config import DeepSeekV3Config
from reference_impls.designs.deepseek_v3_router.router import make_layer

D, F, E, B, S = 32, 24, 16, 3, 20


def layer(dtype: torch.dtype = torch.float64, **changes: object) -> MoELayer:
    """A layer whose router and biases have opinions."""
    made = make_layer(DeepSeekV3Config(**{"d_model": D, "d_expert": F, "n_experts": E} | changes)).to(dtype)
    torch.nn.init.normal_(made.router.weight_ED, std=D**-0.5)
    torch.nn.init.normal_(made.router.bias_E, std=0.1)
    return made


@settings(max_examples=40, deadline=None)
@given(n_groups=st.sampled_from([1, 2, 4, 8]), data=st.data(), seed=st.integers(0, 2**31), tokens=st.integers(1, 30))
def test_no_token_leaves_its_groups_and_weights_add_up_to_the_scale(n_groups, data, seed, tokens):
    torch.manual_seed(seed)
    top_groups = data.draw(st.integers(1, n_groups))
    k = data.draw(st.integers(1, top_groups * E // n_groups))
    ours = layer(torch.float32, n_groups=n_groups, top_groups=top_groups, experts_per_token=k, routed_scale=1.7)
    routing = ours(torch.randn(1, tokens, D))[1].routing
    total_T = torch.zeros(tokens).index_add(0, routing.token_A, routing.weight_A)
    torch.testing.assert_close(total_T, torch.full((tokens,), 1.7))
    group_TK = routing.expert_A.view(tokens, k) // (E // n_groups)
    assert max(len(set(row)) for row in group_TK.tolist()) <= top_groups
    assert all(len(set(row)) == k for row in routing.expert_A.view(tokens, k).tolist())
    assert routing.n_dropped == 0


def test_the_bias_chooses_and_does_not_weigh():
    ours = layer(n_groups=1, top_groups=1, experts_per_token=3)
    x_BSD = torch.randn(B, S, D, dtype=torch.float64)
    before = ours(x_BSD)[0]
    with torch.no_grad():
        ours.router.bias_E += 5.0  # the same for all: every choice, and so every output, must stay
    torch.testing.assert_close(ours(x_BSD)[0], before)
    with torch.no_grad():
        ours.router.bias_E[3] += 10.0
    load_E = ours(x_BSD)[1].routing.load_E
    assert int(load_E[3]) == B * S


def test_the_bias_is_no_parameter_and_no_gradient_reaches_it():
    ours = layer()
    assert "router.bias_E" in ours.state_dict()
    assert "router.bias_E" not in dict(ours.named_parameters())
    ours.router.bias_E.requires_grad_()
    y_BSD, info = ours(torch.randn(B, S, D, dtype=torch.float64))
    (y_BSD.square().sum() + info.losses["load_balance"].value).backward()
    assert ours.router.bias_E.grad is None
    assert ours.router.weight_ED.grad.any()


@pytest.mark.parametrize("seed", range(3))
def test_the_bias_evens_a_load_that_is_uneven(seed):
    """Inputs with a common direction favour a few experts; the bias alone, nothing being learned, evens it."""
    torch.manual_seed(seed)
    ours = layer(torch.float32, bias_update_speed=0.01)
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

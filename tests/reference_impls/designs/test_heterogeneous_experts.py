import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.cost_aware_routing.config import CostAwareConfig
from reference_impls.designs.heterogeneous_experts.config import HeterogeneousConfig
from reference_impls.designs.heterogeneous_experts.experts import HeterogeneousSwiGLUExperts
from reference_impls.designs.heterogeneous_experts.router import make_layer


@given(
    n=st.integers(1, 256), d=st.integers(4, 500), widths=st.sampled_from(["arithmetic", "geometric", "hybrid", "equal"])
)
def test_widths_add_up_and_grow(n: int, d: int, widths: str):
    made = HeterogeneousConfig.with_experts(n, d_expert=d, widths=widths).expert_widths
    assert sum(made) == n * d
    assert len(made) == n
    assert min(made) >= 1
    assert list(made) == sorted(made)


def test_eight_experts_are_as_wide_as_in_the_paper():
    assert HeterogeneousConfig(d_expert=16).expert_widths == (9, 11, 13, 15, 17, 19, 21, 23)
    assert HeterogeneousConfig(d_expert=255, widths="geometric").expert_widths == tuple(8 * 2**i for i in range(8))
    assert HeterogeneousConfig(d_expert=16, widths="hybrid").expert_widths == (8, 8, 8, 8, 16, 16, 32, 32)


def test_a_bank_has_the_widths_it_was_given():
    bank = HeterogeneousSwiGLUExperts(6, (1, 3, 8))
    assert [weight.shape for weight in bank.w_in] == [(2, 6), (6, 6), (16, 6)]
    assert [bank(torch.randn(rows, 6), e).shape for e, rows in enumerate((0, 1, 4))] == [(0, 6), (1, 6), (4, 6)]
    assert sum(weight.numel() for weight in bank.parameters()) == 3 * 6 * 12


@settings(deadline=None, max_examples=15)
@given(price=st.floats(0, 2), seed=st.integers(0, 2**31))
def test_a_higher_price_never_widens_the_active_width(price: float, seed: int):
    x_BSD = torch.randn(1, 40, 8, generator=torch.Generator().manual_seed(seed))

    def active(cost: float) -> float:
        torch.manual_seed(seed)
        layer = make_layer(CostAwareConfig(d_model=8, d_expert=16, cost_weight=cost))
        torch.nn.init.normal_(layer.router.weight_ED)
        return layer(x_BSD)[1].stats["active_width"]

    assert active(price + 0.1) <= active(price) + 1e-4

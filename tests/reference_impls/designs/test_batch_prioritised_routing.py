import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.losses import mean_squared_cv, squared_cv
from reference_impls.designs.batch_prioritised_routing.config import VMoEConfig
from reference_impls.designs.batch_prioritised_routing.router import make_layer

D = 8


def layer_of(n_experts: int, **fields):
    layer = make_layer(VMoEConfig.with_experts(n_experts, d_model=D, d_expert=6, **fields))
    torch.nn.init.normal_(layer.router.weight_ED)
    return layer.eval()


@settings(max_examples=50, deadline=None)
@given(
    E=st.integers(1, 6), B=st.integers(1, 3), S=st.integers(1, 12), factor=st.floats(0.1, 3),
    priority=st.sampled_from(["score", "position"]), group=st.sampled_from(["sequence", "batch"]),
    seed=st.integers(0, 2**31),
)  # fmt: skip
def test_capacity_holds_and_no_one_refused_was_surer_than_one_served(E, B, S, factor, priority, group, seed):
    torch.manual_seed(seed)
    layer = layer_of(E, capacity_factor_eval=factor, priority=priority, routing_group=group, experts_per_token=1)
    x_BSD = torch.randn(B, S, D)
    routing = layer(x_BSD)[1].routing
    groups, size = (B, S) if group == "sequence" else (1, B * S)
    capacity = math.ceil(factor * size / E - 1e-9)
    probability_TE = layer.router.logits(x_BSD.view(-1, D)).softmax(-1)
    sureness_T, wanted_T = (part.detach() for part in probability_TE.max(-1))
    served_T = torch.zeros(B * S, dtype=torch.bool)
    served_T[routing.token_A] = True
    for g in range(groups):
        for e in range(E):
            mine_T = (torch.arange(B * S) // size == g) & (wanted_T == e)
            kept_T, refused_T = mine_T & served_T, mine_T & ~served_T
            assert int(kept_T.sum()) == min(capacity, int(mine_T.sum()))
            if refused_T.any() and priority == "score":
                assert sureness_T[kept_T].min() >= sureness_T[refused_T].max()
            if refused_T.any() and priority == "position":
                assert torch.where(kept_T)[0].max() < torch.where(refused_T)[0].min()


def test_first_choices_are_served_before_second_ones():
    """A token that is barely sure takes its first choice before the surest token takes its second."""
    layer = layer_of(2, capacity_factor_eval=0.5)  # one place in each expert for two tokens
    with torch.no_grad():
        layer.router.weight_ED.copy_(torch.eye(2, D))
    x_BSD = torch.zeros(1, 2, D)
    x_BSD[0, 0, 0], x_BSD[0, 1, 1] = 5.0, 0.1
    routing = layer(x_BSD)[1].routing
    assert sorted(zip(routing.token_A.tolist(), routing.expert_A.tolist(), strict=True)) == [(0, 0), (1, 1)]
    assert routing.n_dropped == 2


def test_the_spread_of_groups_is_the_mean_over_those_that_have_tokens():
    value_TE = torch.rand(5, 3)
    group_T = torch.tensor([0, 0, 2, 2, 2])
    expected = (squared_cv(value_TE[:2].sum(0)) + squared_cv(value_TE[2:].sum(0))) / 2
    torch.testing.assert_close(mean_squared_cv(value_TE, group_T, 4), expected)
    assert float(mean_squared_cv(value_TE[:0], group_T[:0], 4)) == 0

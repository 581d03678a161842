import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer


@settings(max_examples=20, deadline=None)
@given(n_experts=st.integers(1, 12), data=st.data())
def test_groups_part_the_experts_as_evenly_as_they_go(n_experts, data):
    groups = data.draw(st.integers(1, n_experts))
    layer = make_layer(
        "random-routed-experts", d_model=4, d_expert=4, n_experts=n_experts, domain_groups=groups, vocabulary=2000
    )
    members = [set(row.tolist()) for row in layer.router.table_GV]
    assert sorted(e for group in members for e in group) == list(range(n_experts))
    assert max(map(len, members)) - min(map(len, members)) <= 1


def test_what_is_missing_or_outside_is_named():
    layer = make_layer("random-routed-experts", d_model=4, d_expert=4, vocabulary=10)
    x_BSD, ids, domain = torch.randn(1, 2, 4), torch.tensor([[3, 10]]), torch.tensor([0])
    with pytest.raises(ValueError, match="routes by domain"):
        layer(x_BSD, token_id=ids)
    with pytest.raises(ValueError, match="token ids reach from 3 to 10, the table has vocabulary = 10"):
        layer(x_BSD, token_id=ids, domain=domain)

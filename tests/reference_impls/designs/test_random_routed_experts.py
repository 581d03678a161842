import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.catalogue import find
from reference_impls.config import ConfigError, check_config


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


def test_layers_draw_tables_of_their_own_that_a_checkpoint_holds():
    first, second = (make_layer("random-routed-experts", d_model=4, d_expert=4) for _ in range(2))
    assert (first.router.table_GV != second.router.table_GV).any()
    second.load_state_dict(first.state_dict())
    assert (first.router.table_GV == second.router.table_GV).all()


def test_what_is_missing_or_outside_is_named():
    layer = make_layer("random-routed-experts", d_model=4, d_expert=4, vocabulary=10)
    x_BSD, ids, domain = torch.randn(1, 2, 4), torch.tensor([[3, 10]]), torch.tensor([0])
    with pytest.raises(ValueError, match="routes by domain"):
        layer(x_BSD, token_id=ids)
    with pytest.raises(ValueError, match="token ids reach from 3 to 10, the table has vocabulary = 10"):
        layer(x_BSD, token_id=ids, domain=domain)
    with pytest.raises(ConfigError, match="domain_groups = 9 must be at most n_experts = 8"):
        make_layer("random-routed-experts", domain_groups=9)
    with pytest.raises(ConfigError, match="use 'sequence'"):
        check_config(find("random-routed-experts").config_class, {"task": "clusters", "cluster_unit": "token"})

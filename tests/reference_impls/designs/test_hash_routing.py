import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.core.routing import Progress
from reference_impls.designs.hash_routing.router import balanced_table

FIELDS = {"d_model": 8, "d_expert": 4, "n_experts": 4, "vocabulary": 12}


@settings(max_examples=40, deadline=None)
@given(counts=st.lists(st.integers(0, 50), min_size=1, max_size=20), n_experts=st.integers(1, 5), data=st.data())
def test_loads_of_a_balanced_table_differ_by_at_most_the_largest_count(counts, n_experts, data):
    k = data.draw(st.integers(1, n_experts))
    table_VK = balanced_table(torch.tensor(counts), n_experts, k)
    assert all(len(set(row)) == k for row in table_VK.tolist())
    load = [sum(c for c, row in zip(counts, table_VK.tolist(), strict=True) if e in row) for e in range(n_experts)]
    assert max(load) - min(load) <= max(counts)


@pytest.mark.parametrize("table", ["balanced", "clustered"])
def test_the_table_is_made_once_of_what_training_saw(table):
    layer = make_layer("hash-routing", table=table, table_step=2, **FIELDS)
    drawn = layer.router.table_VK.clone()
    ids_BS = torch.tensor([[0, 0, 0, 1, 2, 3]])
    tables = []
    for step in range(1, 5):
        _, info = layer(torch.randn(1, 6, 8) + 9 * ids_BS[..., None], token_id=ids_BS)
        layer.on_step(info, Progress(step, 4))
        tables.append(layer.router.table_VK.clone())
    assert (tables[0] == drawn).all()
    assert (tables[1] == tables[3]).all()
    assert len(set(tables[1][:4, 0].tolist())) == 4  # four ids far apart, and four experts: one each
    if table == "clustered":
        assert (tables[1][4:] == drawn[4:]).all()
    loaded = make_layer("hash-routing", table=table, table_step=2, **FIELDS)
    loaded.load_state_dict(layer.state_dict())
    assert (loaded.router.table_VK == tables[3]).all()


def test_nothing_is_counted_outside_training():
    layer = make_layer("hash-routing", **FIELDS).eval()
    layer(torch.randn(1, 3, 8), token_id=torch.tensor([[0, 1, 2]]))
    assert layer.router.count_V.sum() == 0

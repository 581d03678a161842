"""Designs that route by token ids, tasks, chance or clusters."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls import make_layer
from reference_impls.catalogue import find
from reference_impls.core.kmeans import lloyd, nearest, spread_start
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import Progress
from reference_impls.designs.conditional_router.config import BYTE_ATTRIBUTES
from reference_impls.designs.conditional_router.router import binary_digits, byte_attributes
from reference_impls.designs.hash_routing.router import balanced_table
from reference_impls.designs.thor_random.router import disagreement

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


def thor_layer(**fields: object) -> MoELayer:
    return make_layer("thor-random", d_model=8, d_expert=12, **fields).double()


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4), E=st.integers(1, 6),
    unit=st.sampled_from(["batch", "sequence", "token"]), training=st.booleans(), seed=st.integers(0, 999),
)  # fmt: skip
def test_one_expert_a_token_and_one_draw_a_unit(lengths, E, unit, training, seed):
    torch.manual_seed(seed)
    made = thor_layer(n_experts=E, draw_train=unit, draw_eval=unit).train(training)
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
    made, x_BSD = thor_layer(draw_eval="token").eval(), torch.zeros(1, 20_000, 8, dtype=torch.float64)
    first, second = (made(x_BSD)[1].routing.expert_A for _ in range(2))
    assert float((first == second).double().mean()) == pytest.approx(1 / 4, abs=0.02)


def test_disagreement_is_finite_where_a_class_is_impossible():
    certain = torch.tensor([[1e4, 0.0]])
    assert disagreement(certain, torch.zeros(1, 2)).isfinite()


def test_training_and_evaluation_draw_by_their_own_unit():
    made, x_BSD = thor_layer(draw_train="batch", draw_eval="token"), torch.zeros(2, 50, 8, dtype=torch.float64)
    assert len(made.train()(x_BSD)[1].routing.expert_A.unique()) == 1
    assert len(made.eval()(x_BSD)[1].routing.expert_A.unique()) > 1


@pytest.mark.parametrize(
    ("sign", "names"),
    [
        ("a", {"letter"}), ("Q", {"letter", "capital"}), ("7", {"digit"}), (" ", {"blank"}),
        ("\n", {"blank", "line break"}), ("]", {"bracket"}), ("_", {"other sign"}), ("\0", {"outside ASCII text"}),
        ("\x7f", {"outside ASCII text"}), ("é", {"outside ASCII text"}),
    ],
)  # fmt: skip
def test_the_attributes_of_a_sign(sign, names):
    row = byte_attributes()[ord(sign)]
    assert {name for name, value in zip(BYTE_ATTRIBUTES, row.tolist(), strict=True) if value} == names


def test_every_byte_has_an_attribute_and_every_attribute_a_byte():
    table = byte_attributes()
    assert table.shape == (256, len(BYTE_ATTRIBUTES))
    assert (table.sum(1) > 0).all()
    assert (table.sum(0) > 0).all()


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 8), seed=st.integers(0, 999))
def test_the_digits_of_a_number_spell_it(n, seed):
    table = binary_digits(n)
    number = seed % 2**n
    assert sum(int(digit) << place for place, digit in enumerate(table[number].tolist())) == number


def test_the_clustered_task_has_digits_enough_for_its_words():
    for n_clusters in (2, 8, 9, 256):
        config = find("conditional-router").config_class(task="clusters", n_clusters=n_clusters)
        assert len(binary_digits(config.layer.n_attributes)) >= 4 * n_clusters


def task_level_layer(**fields: object) -> MoELayer:
    return make_layer("learned-task-level-routing", d_model=8, d_expert=12, d_task=4, d_router=6, **fields).double()


@settings(max_examples=20, deadline=None)
@given(task=st.lists(st.integers(0, 3), min_size=1, max_size=5), E=st.integers(1, 5), S=st.integers(0, 4))
def test_in_training_each_sequence_has_one_expert_and_its_own_draw(task, E, S):
    made = task_level_layer(n_experts=E).train()
    routing = made(torch.randn(len(task), S, 8, dtype=torch.float64), domain=torch.tensor(task))[1].routing
    share = routing.share_TE().view(len(task), S, E)
    assert ((share - share.round()).abs() < 1e-12).all()
    torch.testing.assert_close(share.sum(-1), torch.ones(len(task), S, dtype=torch.float64))
    assert (share == share[:, :1]).all()


def test_with_softmax_training_and_evaluation_are_one():
    made = task_level_layer(selection="softmax")
    x_BSD, task = torch.randn(2, 3, 8, dtype=torch.float64), torch.tensor([1, 3])
    torch.testing.assert_close(made.train()(x_BSD, domain=task)[0], made.eval()(x_BSD, domain=task)[0])


def mixer_layer(**fields):
    return make_layer("mixer-kmeans-router", d_model=8, d_expert=4, n_experts=4, **fields)


@settings(max_examples=30, deadline=None)
@given(T=st.integers(1, 20), E=st.integers(1, 6), seed=st.integers(0, 1000))
def test_a_start_takes_different_tokens_while_there_are_any(T, E, seed):
    torch.manual_seed(seed)
    x_TD = torch.randn(T, 3)
    start_ED = spread_start(x_TD, E)
    assert (start_ED[:, None] == x_TD).all(-1).any(-1).all()
    assert len(start_ED.unique(dim=0)) == min(T, E)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_no_step_of_kmeans_makes_the_sum_of_squares_larger(seed):
    torch.manual_seed(seed)
    x_TD, centre_ED = torch.randn(30, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    sums = []
    for _ in range(6):
        sums.append(float((x_TD - centre_ED[nearest(x_TD, centre_ED)]).square().sum()))
        centre_ED = lloyd(x_TD, centre_ED, 1)
    assert all(after <= before + 1e-12 for before, after in pairwise(sums))


def test_training_fits_and_evaluation_leaves_all_as_it_is():
    layer, x_BSD = mixer_layer(), torch.randn(2, 32, 8)
    fresh = {name: value.clone() for name, value in layer.router.state_dict().items()}
    layer(x_BSD)
    fitted = {name: value.clone() for name, value in layer.router.state_dict().items()}
    assert all((fresh[name] != fitted[name]).any() for name in fresh)
    layer.eval()
    layer(torch.randn(2, 32, 8))
    assert all((layer.router.state_dict()[name] == fitted[name]).all() for name in fresh)


def test_a_fresh_gate_is_the_nearest_prototype():
    layer = mixer_layer().eval()
    assert layer(torch.randn(2, 32, 8))[1].stats["gate_agreement"] == 1.0


def test_prototypes_go_on_from_where_the_last_batch_left_them():
    layer = mixer_layer(gate="nearest")
    x_BSD = 10 * torch.eye(4, 8).repeat_interleave(8, 0)[None] + torch.randn(1, 32, 8)
    first = layer(x_BSD)[1].routing.expert_A
    for _ in range(5):
        again = layer(x_BSD + 0.1 * torch.randn_like(x_BSD))[1].routing.expert_A
        assert (again == first).all()  # an expert keeps its cluster


@pytest.mark.parametrize("x_BSD", [torch.zeros(1, 5, 8), torch.ones(1, 1, 8), torch.randn(1, 3, 8)])
def test_fewer_clusters_than_experts_are_no_failure(x_BSD):
    layer = mixer_layer()
    for _ in range(2):
        y_BSD, info = layer(x_BSD)
        assert y_BSD.isfinite().all()
        assert info.stats["unexplained_variance"] == pytest.approx(0, abs=1e-6)

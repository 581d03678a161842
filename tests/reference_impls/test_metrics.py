import math

import pytest
import torch

from reference_impls.core.layer import LayerInfo
from reference_impls.core.losses import router_z_loss
from reference_impls.core.metrics import RoutingTally, load_cv, max_violation
from reference_impls.core.routing import SparseRouting, entropy

LABELS_T = torch.zeros(4, dtype=torch.int64)


def info(demand: list[int], served: int, tokens: int, nats: float) -> LayerInfo:
    return LayerInfo(
        SparseRouting(
            token_A=torch.zeros(served, dtype=torch.int64),
            expert_A=torch.zeros(served, dtype=torch.int64),
            weight_A=torch.ones(served),
            load_E=torch.tensor(demand),
            entropy=torch.tensor(nats),
            n_tokens=tokens,
        )
    )


def test_spread_of_known_loads():
    assert load_cv(torch.tensor([5.0, 5.0])) == 0
    assert load_cv(torch.tensor([2.0, 0.0])) == pytest.approx(1.0)
    assert load_cv(torch.tensor([4.0, 0.0, 0.0, 0.0])) == pytest.approx(math.sqrt(3))
    assert max_violation(torch.tensor([4.0, 0.0, 0.0, 0.0])) == pytest.approx(3)
    assert max_violation(torch.tensor([1.0, 3.0])) == pytest.approx(0.5)
    assert load_cv(torch.zeros(3)) == max_violation(torch.zeros(3)) == 0


def test_a_tally_speaks_of_all_batches_together():
    tally = RoutingTally()
    tally.add({"layer 0": info([4, 0], 3, 4, 0.2), "layer 1": info([2, 2], 4, 4, 0.6)}, LABELS_T, 2)
    tally.add({"layer 0": info([0, 4], 4, 4, 0.4), "layer 1": info([2, 2], 4, 12, 0.2)}, LABELS_T, 2)
    values = tally.values()
    assert tally.loads() == {"layer 0": [0.5, 0.5], "layer 1": [0.5, 0.5]}
    assert values["load_cv"] == values["max_violation"] == 0  # unbalanced batches, balanced together
    assert values["dropped_fraction"] == pytest.approx((1 / 8 + 0) / 2)
    assert values["router_entropy"] == pytest.approx((0.3 + 0.3) / 2)
    assert RoutingTally().values() == RoutingTally().loads() == {}


def test_entropy_and_z_loss_of_known_distributions():
    assert float(entropy(torch.full((3, 4), 0.25))) == pytest.approx(math.log(4))
    assert float(entropy(torch.eye(4))) == 0
    assert float(entropy(torch.empty(0, 4))) == 0
    assert float(router_z_loss(torch.zeros(3, 4))) == pytest.approx(math.log(4) ** 2)
    assert float(router_z_loss(torch.empty(0, 4))) == 0

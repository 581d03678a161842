from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.catalogue import find
from reference_impls.core.routing import Progress
from reference_impls.designs.hierarchical_mixture.config import CLASSES, HMEConfig
from reference_impls.designs.hierarchical_mixture.irls import irls_step, log_likelihood
from reference_impls.designs.hierarchical_mixture.router import em_step, expectation, make_layer, with_constant
from reference_impls.tasks.clusters import ClustersTask, dense_baseline
from reference_impls.tasks.train import make_optimiser, train_step

ENTRY = find("hierarchical-mixture")
SMALL = {"task": "clusters", "batch_size": 8, "n_experts": 4, "n_groups": 2, "threads": 1}


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([(1, 1), (2, 1), (2, 2), (6, 3)]), st.integers(1, 80), st.floats(0, 30), st.integers(0, 2**16)
)  # fmt: skip
def test_the_likelihood_never_falls(shape, n_points, spread, seed):
    n_experts, n_groups = shape
    torch.manual_seed(seed)
    layer = make_layer(HMEConfig(d_model=16, n_experts=n_experts, n_groups=n_groups)).double()
    x_ND, label_N = spread * torch.randn(n_points, 16, dtype=torch.float64), torch.randint(CLASSES, (n_points,))
    told = []
    for _ in range(4):
        told.append(float(expectation(layer.router, layer.experts, with_constant(x_ND), label_N)[0].sum()))
        em_step(layer.router, layer.experts, x_ND, label_N)
    assert all(after >= before - 1e-9 * max(abs(before), 1) for before, after in pairwise(told))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(1, 40), st.floats(0, 1e3), st.integers(0, 2**16))
def test_a_least_squares_step_never_goes_downhill(n_classes, n_points, spread, seed):
    generator = torch.Generator().manual_seed(seed)
    x_NF = spread * torch.randn(n_points, 3, dtype=torch.float64, generator=generator)
    target_NC = torch.rand(n_points, n_classes, dtype=torch.float64, generator=generator)
    target_NC[target_NC < 0.3] = 0
    theta_CF = torch.randn(n_classes, 3, dtype=torch.float64, generator=generator)
    moved_CF = irls_step(theta_CF, x_NF, target_NC)
    assert moved_CF.isfinite().all()
    assert log_likelihood(moved_CF, x_NF, target_NC) >= log_likelihood(theta_CF, x_NF, target_NC)


def test_a_training_step_is_one_of_em_and_leaves_the_optimiser_alone():
    torch.manual_seed(0)
    task = ClustersTask(ENTRY, ENTRY.config_class(**SMALL))
    optimiser, generator = make_optimiser(task.model, task.config), torch.Generator().manual_seed(0)
    expected = make_layer(task.config.layer)
    expected.load_state_dict(task.model.layer.state_dict())
    batch = task.training_batch(torch.Generator().manual_seed(0))
    em_step(expected.router, expected.experts, batch.x_BSD.flatten(0, 1), batch.label_BS.flatten())
    train_step(task, optimiser, generator, Progress(0, 1))
    for name, weight in task.model.layer.state_dict().items():
        torch.testing.assert_close(weight, expected.state_dict()[name])
    assert not optimiser.state


def test_the_dense_control_learns_by_gradients():
    twin = dense_baseline(ENTRY, ENTRY.config_class(**SMALL))
    optimiser = make_optimiser(twin.model, twin.config)
    train_step(twin, optimiser, torch.Generator().manual_seed(0), Progress(0, 1))
    assert optimiser.state

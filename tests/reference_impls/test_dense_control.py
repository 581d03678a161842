"""A dense run beside a design's."""

import pytest
import torch

from reference_impls import make_layer
from reference_impls.catalogue import find
from reference_impls.config import check_config


@pytest.mark.parametrize(("key", "fields"), [
    ("deepseek-v3-router", {}), ("dense-softmax-mixture", {"n_experts": 4}), ("switch-top1-router", {"d_model": 64}),
])  # fmt: skip
def test_a_dense_control_is_of_equal_active_size(key, fields):
    entry = find(key)
    config = check_config(entry.config_class, {**fields, "steps": 7, "seed": 3})
    basis, settings = entry.dense_control(config)
    dense = check_config(find(basis).config_class, settings)
    active = entry.estimate(config).params_active
    assert find(basis).estimate(dense).params_active == pytest.approx(active, rel=0.03)
    assert dense.optimiser.model_dump() == config.optimiser.model_dump()
    assert (dense.task.name, dense.seed) == ("text", 3)


def test_a_task_without_a_dense_control_has_none():
    entry = find("soft-moe-slots")
    assert entry.dense_control(check_config(entry.config_class, {})) is None


def test_one_expert_is_a_dense_layer():
    layer = make_layer("mixtral-top2-router", d_model=16, d_expert=8, n_experts=1, experts_per_token=1)
    y, info = layer(torch.randn(2, 5, 16))
    assert y.shape == (2, 5, 16)
    assert torch.equal(info.routing.weight_A, torch.ones_like(info.routing.weight_A))

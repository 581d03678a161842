"""Which experts PLE runs for whom, and settings that do not fit."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.progressive_layered_extraction.config import PLEConfig
from reference_impls.designs.progressive_layered_extraction.router import candidates, make_layer


@settings(max_examples=30, deadline=None)
@given(K=st.integers(1, 4), own=st.integers(0, 3), shared=st.integers(1, 3))
def test_every_expert_belongs_to_one_task_or_to_all(K, own, shared):
    config = PLEConfig(n_tasks=K, specific_experts=own, n_experts=K * own + shared)
    candidate_KC = candidates(config)
    assert candidate_KC.shape == (K, own + shared) == (K, config.candidates)
    seen_by = torch.bincount(candidate_KC.flatten(), minlength=config.n_experts)
    assert seen_by.tolist() == [1] * (K * own) + [K] * shared


def test_what_runs_is_counted_over_the_levels():
    config = PLEConfig(n_experts=8, specific_experts=3, levels=2)
    assert (config.shared_experts, config.candidates) == (2, 5)
    assert config.active_experts == (8 + 5) / 2
    one = PLEConfig(n_experts=8, specific_experts=3, levels=1)
    assert one.active_experts == 5
    assert make_layer(config).routed_parameters() == 2 * make_layer(one).routed_parameters()

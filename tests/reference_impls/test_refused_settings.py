"""Settings that a design refuses, and the words in which it does."""

from typing import Any

import pytest

from reference_impls.catalogue import find
from reference_impls.config import ConfigError, check_config

CLUSTERS = {"task": "clusters"}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "adamoe-null-experts",
        {"choices_per_token": 17},
        "choices_per_token = 17 must be at most n_experts + null_experts = 16",
    ),
    ("dense-to-sparse-gate", {"temperature_end": 3.0}, "temperature_end = 3 must be at most temperature_start = 2"),
    ("dynmoe-top-any", {"initial_experts": 9}, "initial_experts = 9 must be at most n_experts = 8"),
    ("expert-prototyping", {"n_prototypes": 3}, "n_experts = 8 must be a multiple of n_prototypes = 3"),
    ("hierarchical-mixture", {"n_experts": 7}, "n_experts = 7 must be a multiple of n_groups = 4"),
    ("hierarchical-mixture", {"task": "text"}, "task = 'text': input should be 'clusters'"),
    ("hierarchical-mixture", {"d_model": 8}, "d_model = 8: input should be greater than or equal to 16"),
    ("hierarchical-two-stage-gate", {"n_experts": 10}, "n_experts = 10 must be a multiple of n_groups = 4"),
    ("input-dependent-k", {"most_experts": 9}, "most_experts = 9 must be at most n_experts = 8"),
    ("meo-sequence-merging", {"merged_experts": 9}, "merged_experts = 9 must be at most n_experts = 8"),
    ("mod-squad-router", {"n_tasks": 3}, "n_tasks = 3 must be at least 4 on the text task"),
    ("mod-squad-router", CLUSTERS | {"n_clusters": 9}, "n_tasks = 8 must be at least 9 on the clusters task"),
    ("mod-squad-router", CLUSTERS | {"cluster_unit": "token"}, "cluster_unit must be 'sequence'"),
    ("multi-head-moe", {"token_heads": 3}, "d_model = 128 must be a multiple of token_heads = 3"),
    ("hierarchical-noisy-top-k", {"n_experts": 10}, "n_experts = 10 must be a multiple of n_groups = 4"),
    ("hierarchical-noisy-top-k", {"groups_per_token": 5}, "groups_per_token = 5 must be at most n_groups = 4"),
    (
        "hierarchical-noisy-top-k",
        {"experts_per_group": 5},
        "experts_per_group = 5 must be at most n_experts / n_groups = 4",
    ),
    (
        "progressive-layered-extraction",
        {"n_experts": 6},
        "n_experts = 6 must be more than n_tasks * specific_experts = 6",
    ),
    ("deepseekmoe-router", {"n_experts": 10}, "n_experts = 10 must be a multiple of n_devices = 4"),
    ("deepseek-v2-router", {"top_devices": 5}, "top_devices = 5 must be at most n_devices = 4"),
    ("deepseek-v2-router", {"experts_per_token": 9}, "experts_per_token = 9 must be at most 8, the experts of top"),
    ("frozen-random-router", {"first_experts_per_token": 3}, "must be at most experts_per_token = 2"),
    ("hash-routing", {"weights": "learned"}, "experts_per_token = 1 leaves no weight to be learned"),
    ("learned-task-level-routing", {"n_tasks": 3}, "n_tasks = 3 must be at least 4, the domains"),
    ("learned-task-level-routing", CLUSTERS | {"n_clusters": 12}, "n_tasks = 8 must be at least 12, n_clusters"),
    ("orthogonality-loss", {"orthogonality": "rows"}, "orthogonality = 'rows'"),
    ("random-routed-experts", {"domain_groups": 9}, "domain_groups = 9 must be at most n_experts = 8"),
    ("random-routed-experts", CLUSTERS | {"cluster_unit": "token"}, "use 'sequence'"),
    ("self-contrast-inference", {"weak_rank": 9}, "weak_rank = 9 must be at most n_experts = 8"),
    ("top-p-router", {"threshold": 0.0}, "threshold = "),
    ("top-p-router", {"threshold": 1.0}, "threshold = "),
    ("zero-expert-router", {"choices_per_token": 13}, "must be at most n_experts + zero_experts = 12"),
    ("zero-expert-router", {"expected_experts": 4}, "expected_experts = 4 must be at most choices_per_token = 3"),
    ("zero-expert-router", {"n_experts": 1}, "expected_experts = 2 must be at most n_experts = 1"),
    ("switch-top1-router", {"moe_every": 3, "n_layers": 2}, "moe_every = 3 must be at most n_layers = 2"),
    ("switch-top1-router", {"routing_group": "core"}, "routing_group = 'core'"),
    ("gshard-top2", {"second_policy_train": "none"}, "second_policy_train = 'none'"),
    ("deepseek-v3-router", {"n_experts": 10}, "n_experts = 10 must be a multiple of n_groups = 4"),
    ("deepseek-v3-router", {"n_groups": 16}, "n_groups = 16 must be at most n_experts / 2 = 8"),
    ("deepseek-v3-router", {"top_groups": 5}, "top_groups = 5 must be at most n_groups = 4"),
    ("deepseek-v3-router", {"experts_per_token": 9}, "experts_per_token = 9 must be at most 8, the experts of top"),
    ("deepseek-v3-router", {"shared_experts": -1}, "shared_experts = -1: input should be greater than or equal to 0"),
    ("multi-gate-mixture", CLUSTERS | {"n_tasks": 3}, "n_tasks = 3 must be at least n_clusters = 16"),
    ("multi-gate-mixture", CLUSTERS | {"cluster_unit": "token"}, "cluster_unit = 'token' must be 'sequence'"),
    ("multi-gate-mixture", {"task": "text"}, "task = 'text'"),
    ("hash-routing", {"vocabulary": 100}, "vocabulary = 100 must be at least 256, the token ids of the text task"),
    ("random-routed-experts", CLUSTERS | {"n_clusters": 100}, "vocabulary = 256 must be at least 400, the token ids"),
]


@pytest.mark.parametrize(("key", "values", "message"), REFUSED)
def test_a_refusal_names_the_field_and_its_bound(key: str, values: dict[str, Any], message: str):
    with pytest.raises(ConfigError) as caught:
        check_config(find(key).config_class, values)
    assert message in str(caught.value)

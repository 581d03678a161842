"""What a layer, and a run of it, can be set to; importable without torch."""

from reference_impls.config.fields import ConfigError, FieldPairs, TaskDefaults, expert_width, loss_weight, setting
from reference_impls.config.layer import (
    WORDS_PER_CLUSTER,
    AllExpertsConfig,
    CapacityConfig,
    DigitsConfig,
    ExpertKind,
    LayerConfig,
    MultitaskConfig,
    SharedExpertsConfig,
    TaskName,
    TextOrDigitsConfig,
    TopKConfig,
    TopOneConfig,
    VocabularyConfig,
    words_of_clusters,
)
from reference_impls.config.run import RegressionsConfig, RunConfig, TaskConfig, check_config, run_config

__all__ = [
    "WORDS_PER_CLUSTER",
    "AllExpertsConfig",
    "CapacityConfig",
    "ConfigError",
    "DigitsConfig",
    "ExpertKind",
    "FieldPairs",
    "LayerConfig",
    "MultitaskConfig",
    "RegressionsConfig",
    "RunConfig",
    "SharedExpertsConfig",
    "TaskConfig",
    "TaskDefaults",
    "TaskName",
    "TextOrDigitsConfig",
    "TopKConfig",
    "TopOneConfig",
    "VocabularyConfig",
    "check_config",
    "expert_width",
    "loss_weight",
    "run_config",
    "setting",
    "words_of_clusters",
]

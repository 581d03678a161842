"""Settings of calibrated fusion, MoCaE."""

from typing import ClassVar, Literal

from reference_impls.config import AllExpertsConfig, TaskDefaults, expert_count, setting


class MoCaEConfig(AllExpertsConfig):
    """Every expert predicts by itself; predictions are fused after their confidence has been calibrated."""

    task_defaults: ClassVar[TaskDefaults] = {
        "text": {"steps": 200}  # a step is three whole passes: so it ends within two minutes
    }

    n_experts: int = expert_count(3, "Experts, each a feed-forward in every layer; all of them run on everything.")
    calibration: Literal["isotonic", "none"] = setting(
        "isotonic",
        "Whether an expert's confidence is replaced by how often it is right when so confident, or taken at its word.",
        group="fusion",
    )
    confidence_bins: int = setting(
        25, "Bins of confidence in which it is counted how often an expert is right.", group="fusion", ge=2, le=1000
    )
    memory: float = setting(
        0.95,
        "What the counts of one training step weigh after the next; experts that still learn need forgetting.",
        group="fusion",
        ge=0,
        le=1,
    )
    boast: float = setting(
        1.0,
        "What an expert's stated logits are multiplied by when predictions are fused, from 1 / boast for the first to "
        "boast for the last expert; 1 leaves confidence as learned.",
        group="fusion",
        ge=1,
        le=100,
    )


LAYER = MoCaEConfig

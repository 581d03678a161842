"""Settings of GShard's top-2 routing with a random second expert (`gating/gshard.py`)."""

from typing import ClassVar, Literal

from reference_impls.configs.base import CapacityConfig, ExpertKind, expert_width, layer_step, loss_weight, setting
from reference_impls.entry import Entry


class GShardTop2Config(CapacityConfig):
    """Every other layer a GShard layer: two ReLU experts a token, with a capacity."""

    expert_kind: ClassVar[ExpertKind] = "relu"

    d_expert: int = expert_width(256)
    moe_every: int = layer_step(2)
    second_policy_train: Literal["random", "always"] = setting(
        "random",
        "In training the second expert is used with a probability that grows with its weight, or always.",
    )
    second_policy_eval: Literal["random", "always"] = setting(
        "always", "The same choice outside training, where chance makes the output differ between calls."
    )
    second_threshold: float = setting(
        0.2,
        "Weight of the second expert from which it is always used; below, the probability is weight / threshold.",
        gt=0,
        le=1,
    )
    capacity_factor_train: float = setting(
        2.0,
        "In training an expert takes at most ceil(factor * tokens / n_experts) assignments a group, "
        "first and second choices together.",
        gt=0,
        le=256,
    )
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each GShard layer")

    @property
    def active_experts(self) -> float:
        """Two, where there are two; random seconds and drops make it fewer."""
        return min(2, self.n_experts)


ENTRIES = (
    Entry(
        key="gshard-top2",
        name="GShard top-2",
        summary="Each token goes to its best expert and, by a chance that grows with its weight, to its second best.",
        family="token choice",
        year=2020,
        designs=("gshard-top2", "expert-capacity"),
        papers=("gshard",),
        causal="where nothing is dropped",
        oracle="transformers: NllbMoeTop2Router with its policy 'all'; a float64 loop for the random second expert",
        deviations=(
            "a decoder-only byte-level language model instead of a translation model",
            "capacity factor 2 in training by default; the authors' public code has 1.25, with which an even load of "
            "two experts a token loses three eighths",
            "the random second expert is drawn in training only by default; the authors' public code draws in "
            "evaluation, too",
            "routing groups are sequences (or the batch)",
            "capacity is rounded up",
        ),
        config_class=GShardTop2Config,
        gating="gshard",
    ),
)

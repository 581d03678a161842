"""Settings of ST-MoE's stabilised top-2 routing (`gating/st_moe.py`)."""

from typing import ClassVar

from reference_impls.configs.base import ExpertKind, expert_width, loss_weight, setting
from reference_impls.configs.gshard import GShardTop2Config
from reference_impls.entry import Entry


class STMoEConfig(GShardTop2Config):
    """ST-MoE layers: top-2 with a capacity and a random second expert, gated experts, and a loss on large logits."""

    expert_kind: ClassVar[ExpertKind] = "swiglu"

    d_expert: int = expert_width(128)
    capacity_factor_train: float = setting(
        1.25,
        "In training an expert takes at most ceil(factor * tokens / n_experts) assignments a group, "
        "first and second choices together.",
        gt=0,
        le=256,
    )
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each ST-MoE layer")
    z_coefficient: float = loss_weight(0.001, "the router z-loss of each ST-MoE layer, which keeps the logits small")
    initial_scale: float = setting(
        0.1, "Scale s of an ST-MoE layer's initial weights: standard deviation sqrt(s / inputs).", gt=0, le=10
    )


ENTRIES = (
    Entry(
        key="st-moe",
        name="ST-MoE",
        summary="Top-2 with a random second expert and limited room; a loss on large logits keeps training stable.",
        family="token choice",
        year=2022,
        designs=("st-moe-router", "router-z-loss"),
        papers=("st-moe",),
        causal="where nothing is dropped",
        oracle="st-moe-pytorch: MoE, outputs, gradients and both losses; a float64 loop for the random second expert",
        deviations=(
            "a decoder-only byte-level language model instead of an encoder and a decoder",
            "SwiGLU experts in place of GELU-gated ones, without their multiplicative bias",
            "every other layer has experts, the paper's every fourth; no additional dense feed-forward beside them",
            "the random second expert is drawn in training only by default",
            "routing groups are sequences (or the batch); capacity is rounded up",
        ),
        config_class=STMoEConfig,
        gating="st_moe",
    ),
)

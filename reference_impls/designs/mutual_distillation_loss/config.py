"""Settings of mutual distillation among experts, MoDE."""

from typing import Literal

from reference_impls.config import loss_weight, setting
from reference_impls.designs.mixtral_top2_router.config import MixtralTop2Config


class MoDEConfig(MixtralTop2Config):
    """Mixtral's routing; in training every expert also learns from what the others make of the same tokens."""

    distillation_coefficient: float = loss_weight(
        0.01, "the distillation loss of each layer; too much makes the experts alike"
    )
    divergence: Literal["kl", "squared"] = setting(
        "kl",
        "How two experts' outputs are compared: Kullback-Leibler divergence of the softmax of each, or the squared "
        "difference.",
    )
    distilled_fraction: float = setting(
        0.125, "Share of a batch's tokens, drawn anew each step, that all experts are compared on.", gt=0, le=1
    )

    @property
    def trained_experts(self) -> float:
        """The chosen ones, and for a share of the tokens all."""
        return self.active_experts + self.distilled_fraction * self.n_experts


LAYER = MoDEConfig

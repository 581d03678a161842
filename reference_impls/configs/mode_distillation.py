"""Settings of mutual distillation among experts, MoDE (`gating/mode_distillation.py`)."""

from typing import Literal

from reference_impls.configs.base import loss_weight, setting
from reference_impls.configs.mixtral import MixtralTop2Config
from reference_impls.entry import Entry


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


ENTRIES = (
    Entry(
        key="mode-distillation",
        name="MoDE",
        summary="In training all experts see some tokens, and each is drawn a little towards the others' outputs.",
        family="token choice",
        year=2024,
        designs=("mutual-distillation-loss",),
        papers=("mode-mutual-distillation",),
        causal="yes",
        oracle="transformers: MixtralSparseMoeBlock for the routing; torch's kl_div; a float64 loop of the loss",
        deviations=(
            "the loss is the survey's; its distributions are the softmax over the coordinates of an expert's output",
            "the mean over pairs of experts, not their sum",
            "compared on a random share of the tokens, so that training stays affordable",
        ),
        config_class=MoDEConfig,
        gating="mode_distillation",
        gap="The sources at hand do not say which distributions of two experts' outputs are compared.",
        beyond="in training an eighth of the tokens pass through all experts",
    ),
)

"""Settings of SMEAR (`gating/smear.py`)."""

from typing import ClassVar

from reference_impls.configs.base import TaskDefaults, setting
from reference_impls.configs.digits import DigitsConfig
from reference_impls.entry import Entry


class MergingConfig(DigitsConfig):
    """Designs that average the experts' weights, once for each sequence: one expert is computed a token."""

    task_defaults: ClassVar[TaskDefaults] = {
        "digits": {"d_expert": 128},
        "clusters": {"cluster_unit": "sequence"},
    }

    @property
    def active_experts(self) -> float:
        """The merged one."""
        return 1


class SMEARConfig(MergingConfig):
    """SMEAR layers: one expert a sequence, averaged from all."""

    expert_dropout: float = setting(
        0.1, "Chance that an expert is left out of a sequence's average in training.", ge=0, lt=1
    )

    @property
    def router_parameters(self) -> int:
        """The router's matrix, and scale and shift of its norm."""
        return self.n_experts * self.d_model + 2 * self.d_model


ENTRIES = (
    Entry(
        key="smear",
        name="SMEAR",
        summary="The weights of all experts are averaged into one expert for each sequence; nothing is chosen.",
        family="merging",
        year=2023,
        designs=("smear",),
        papers=("smear",),
        causal="no",
        oracle="the equations in a float64 loop; torch.func over the merged weights, outputs and gradients",
        deviations=(
            "feed-forward experts inside an encoder trained from scratch, not adapters in a pretrained network",
            "experts without biases; the optional switches of the authors' router are left out",
        ),
        config_class=SMEARConfig,
        gating="smear",
    ),
)

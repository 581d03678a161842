"""Settings of HOMOE (`gating/homoe.py`)."""

from typing import ClassVar

from reference_impls.configs.base import TaskDefaults, setting
from reference_impls.configs.soft_moe import SoftMoEConfig
from reference_impls.entry import Entry


class HOMOEConfig(SoftMoEConfig):
    """Soft MoE layers that mix tokens joined with what a Hopfield memory retrieves for them."""

    task_defaults: ClassVar[TaskDefaults] = {
        # The memory counts as width of the dense layer: a small one, and more clusters than that can hold.
        "clusters": {"n_clusters": 24, "n_experts": 32, "n_prototypes": 8},
    }

    n_prototypes: int = setting(32, "Patterns that the memory of each layer holds.", ge=1, le=4096)
    inverse_temperature: float = setting(
        1.0, "How exactly the memory retrieves: 0 returns the mean of all patterns, much the nearest.", ge=0, le=1000
    )

    @property
    def router_parameters(self) -> int:
        """Slots and scale as in Soft MoE, and the patterns of the memory."""
        return super().router_parameters + self.path_parameters

    @property
    def path_parameters(self) -> int:
        """The patterns, of which a token's input is mixed."""
        return self.n_prototypes * self.d_model


ENTRIES = (
    Entry(
        key="homoe",
        name="HOMOE",
        summary="A Hopfield memory retrieves a prototype for each token; Soft MoE mixes the two.",
        family="soft",
        year=2023,
        designs=("homoe-hopfield-soft",),
        papers=("homoe",),
        causal="no",
        oracle="the equations in a float64 loop; retrieval of stored patterns; Soft MoE where the memory is silent",
        deviations=(
            "a layer on the tokens of an image instead of a classifier of compositions over a pretrained encoder",
            "the prototypes are learned with the rest; the paper's are made from labels",
            "neither the contrastive nor the retrieval loss",
        ),
        config_class=HOMOEConfig,
        gating="homoe",
        gap="the sources at hand name the parts (a modern Hopfield memory of prototypes, then soft mixing of the input "
        "with what is retrieved), but no formulas: sizes and the place of retrieval are ours, the losses are absent",
    ),
)

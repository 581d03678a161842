"""Settings of MMoE (`gating/mmoe.py`)."""

from reference_impls.configs.multitask import MultitaskConfig
from reference_impls.entry import Entry


class MMoEConfig(MultitaskConfig):
    """All experts for every input, weighted by a gate of its task."""

    @property
    def active_experts(self) -> float:
        """All."""
        return self.n_experts

    @property
    def router_parameters(self) -> int:
        """One gate a task."""
        return self.n_tasks * self.n_experts * self.d_model

    @property
    def active_router_parameters(self) -> int:
        """The gate of the token's own task."""
        return self.n_experts * self.d_model


ENTRIES = (
    Entry(
        key="mmoe",
        name="MMoE",
        summary="Several tasks share all experts; each task has a gate of its own that weights them.",
        family="several tasks",
        year=2018,
        designs=("multi-gate-mixture",),
        papers=("mmoe",),
        causal="yes",
        oracle="the equations in a float64 loop; a plain stack of experts and gates, outputs and gradients",
        deviations=(
            "experts of two matrices without biases; the input has a constant coordinate instead",
            "each input passes through the layer once for every task",
            "frequencies and shifts of the synthetic labels are those of a published generator; the paper states none",
        ),
        config_class=MMoEConfig,
        gating="mmoe",
        clusters="uses",
        needs=("task",),
    ),
)

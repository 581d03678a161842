"""Settings of MMoE."""

from reference_impls.configs.multitask import MultitaskConfig


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


CONFIG = MMoEConfig

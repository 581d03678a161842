"""Settings of MMoE."""

from reference_impls.config import MultitaskConfig


class MMoEConfig(MultitaskConfig):
    """All experts for every input, weighted by a gate of its task."""

    @property
    def active_experts(self) -> float:
        """All."""
        return self.n_experts


LAYER = MMoEConfig

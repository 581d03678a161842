"""Settings of MMoE."""

from reference_impls.config import AllExpertsConfig, MultitaskConfig


class MMoEConfig(MultitaskConfig, AllExpertsConfig):
    """All experts for every input, weighted by a gate of its task."""


LAYER = MMoEConfig

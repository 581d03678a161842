"""Settings of EvoMoE's dense-to-sparse gate."""

from typing import ClassVar, Self

from pydantic import model_validator

from reference_impls.config import LayerConfig, TaskDefaults, expert_width, loss_weight, setting


class DTSGateConfig(LayerConfig):
    """All experts at first, one at the end, as a temperature falls."""

    task_defaults: ClassVar[TaskDefaults] = {
        "text": {"steps": 200}  # a step costs thrice that of a sparse design: so it ends within two minutes
    }

    d_expert: int = expert_width(256)
    temperature_start: float = setting(2.0, "Temperature of the gate before the first step.", gt=0, le=100)
    temperature_end: float = setting(
        0.1, "Temperature after the last step, at most temperature_start; the fall follows a cosine.", gt=0, le=100
    )
    threshold: float = setting(
        0.02, "In training an expert whose weight is not greater than this is left out.", ge=0, lt=1
    )
    balance_coefficient: float = loss_weight(0.01, "each layer's load-balancing loss, on the best expert of each token")

    @property
    def active_experts(self) -> float:
        """One outside training."""
        return 1

    @property
    def trained_experts(self) -> float:
        """All at first, and ever fewer."""
        return self.n_experts

    @model_validator(mode="after")
    def _temperature_falls(self) -> Self:
        if self.temperature_end > self.temperature_start:
            raise ValueError(
                f"temperature_end = {self.temperature_end:g} must be at most "
                f"temperature_start = {self.temperature_start:g}"
            )
        return self


LAYER = DTSGateConfig

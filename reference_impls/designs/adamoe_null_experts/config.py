"""Settings of AdaMoE's null experts."""

from typing import Any, ClassVar, Self

from pydantic import model_validator

from reference_impls.config import LayerConfig, TaskDefaults, loss_weight, setting


class AdaMoEConfig(LayerConfig):
    """AdaMoE layers: true SwiGLU experts, and null experts that do nothing."""

    task_defaults: ClassVar[TaskDefaults] = {
        # Fewer null experts than choices: nothing by-passes the layer, so a point needs a true expert.
        "clusters": {"null_experts": 2, "choices_per_token": 3}
    }

    null_experts: int = setting(8, "Experts that do nothing, beside the n_experts true ones.", ge=0, le=256)
    choices_per_token: int = setting(
        4, "Experts that each token chooses, null ones included; at most n_experts + null_experts.", ge=1, le=512
    )
    balance_coefficient: float = loss_weight(
        0.01, "the balancing loss of each layer, which does not tell null experts apart"
    )

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """As many null experts as true ones; four choices, or all there are."""
        bounds = {"null_experts": n_experts, "choices_per_token": min(4, 2 * n_experts)}
        return super().with_experts(n_experts, **(bounds | fields))

    @property
    def active_experts(self) -> float:
        """True experts of a token where all experts, null ones included, are used alike."""
        return self.choices_per_token * self.n_experts / (self.n_experts + self.null_experts)

    @model_validator(mode="after")
    def _choose_at_most_all(self) -> Self:
        if self.choices_per_token > self.n_experts + self.null_experts:
            raise ValueError(
                f"choices_per_token = {self.choices_per_token} must be at most "
                f"n_experts + null_experts = {self.n_experts + self.null_experts}"
            )
        return self


LAYER = AdaMoEConfig

"""Settings of LongCat-Flash's zero-computation experts."""

from typing import Any, Self

from pydantic import model_validator

from reference_impls.config import LayerConfig, setting


class LongCatZeroConfig(LayerConfig):
    """LongCat-Flash layers: SwiGLU experts, and zero-computation experts that return their input."""

    zero_experts: int = setting(4, "Experts that return their input, beside the n_experts true ones.", ge=0, le=256)
    choices_per_token: int = setting(
        3, "Experts that each token chooses, of both kinds; at most n_experts + zero_experts.", ge=1, le=512
    )
    expected_experts: int = setting(
        2,
        "True experts of a token on average, which the biases steer to; at most choices_per_token and n_experts.",
        ge=1,
        le=256,
    )
    routed_scale: float = setting(4.0, "Factor on the weights of a token's choices.", gt=0, le=100)
    bias_update_speed: float = setting(
        0.1, "Change of an expert's selection bias for each unit that its share of the choices is off.", ge=0, le=10
    )

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """Half as many zero experts as true ones, rounded up; one choice more than true experts expected."""
        expected = min(2, n_experts)
        bounds = {
            "zero_experts": -(-n_experts // 2), "choices_per_token": min(3, expected + 1), "expected_experts": expected
        }  # fmt: skip
        return super().with_experts(n_experts, **(bounds | fields))

    @property
    def active_experts(self) -> float:
        """What the biases steer to."""
        return self.expected_experts

    @model_validator(mode="after")
    def _choices_fit(self) -> Self:
        if self.choices_per_token > self.n_experts + self.zero_experts:
            raise ValueError(
                f"choices_per_token = {self.choices_per_token} must be at most "
                f"n_experts + zero_experts = {self.n_experts + self.zero_experts}"
            )
        for bound in ("choices_per_token", "n_experts"):
            if self.expected_experts > getattr(self, bound):
                raise ValueError(
                    f"expected_experts = {self.expected_experts} must be at most {bound} = {getattr(self, bound)}"
                )
        return self


LAYER = LongCatZeroConfig

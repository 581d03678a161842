"""Settings of DeepSeek-V2's device-limited routing."""

from typing import Any, ClassVar, Self

from pydantic import model_validator

from reference_impls.config import FieldPairs, loss_weight, setting
from reference_impls.designs.deepseekmoe_router.config import DeepSeekMoEConfig


class DeepSeekV2Config(DeepSeekMoEConfig):
    """DeepSeek-V2 layers: a token's experts stand on few devices, and devices have a budget in training."""

    at_most: ClassVar[FieldPairs] = {"top_devices": "n_devices"}

    experts_per_token: int = setting(
        3, "Routed experts of each token; at most those of the devices that it may use.", ge=1, le=256
    )
    top_devices: int = setting(2, "Devices that a token may use; at most n_devices.", ge=1, le=128)
    routed_scale: float = setting(4.0, "Factor on the weights of a token's routed experts.", gt=0, le=100)
    communication_balance_coefficient: float = loss_weight(
        0.02, "the loss that evens what the devices of each layer receive"
    )
    device_capacity_factor: float = setting(
        1.0,
        "In training a device takes ceil(factor * assignments / n_devices) of the batch, those of largest weight, and "
        "drops the others (n_devices or more: nothing is dropped).",
        gt=0,
        le=256,
    )
    spared_sequences: float = setting(
        0.1, "Share of the sequences of a training batch, rounded, from which nothing is dropped.", ge=0, le=1
    )

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """Two devices where the experts can be halved, of which a token uses one."""
        devices = 2 if n_experts % 2 == 0 else 1
        bounds = {"n_devices": devices, "top_devices": 1, "experts_per_token": min(3, n_experts // devices)}
        return super().with_experts(n_experts, **(bounds | fields))

    @model_validator(mode="after")
    def _experts_on_the_chosen_devices(self) -> Self:
        within = self.top_devices * (self.n_experts // self.n_devices)
        if self.experts_per_token > within:
            raise ValueError(
                f"experts_per_token = {self.experts_per_token} must be at most {within}, "
                f"the experts of top_devices = {self.top_devices} devices"
            )
        return self


LAYER = DeepSeekV2Config

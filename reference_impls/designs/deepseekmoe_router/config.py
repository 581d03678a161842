"""Settings of DeepSeekMoE's fine-grained and shared experts."""

from typing import Any, ClassVar, Self

from reference_impls.config import FieldPairs, SharedExpertsConfig, TaskDefaults, expert_count, loss_weight, setting


class DeepSeekMoEConfig(SharedExpertsConfig):
    """DeepSeekMoE layers: small SwiGLU experts on devices, and a shared one."""

    multiples: ClassVar[FieldPairs] = {"n_experts": "n_devices"}
    task_defaults: ClassVar[TaskDefaults] = {"clusters": {"d_expert": 4}}

    # Many small experts: the three chosen and the shared one are as wide as Mixtral's two here.
    n_experts: int = expert_count(16, "Routed experts in each MoE layer; a multiple of n_devices.")
    experts_per_token: int = setting(3, "Routed experts of each token; at most n_experts.", ge=1, le=256)
    n_devices: int = setting(4, "Devices that the routed experts are thought to be spread over.", ge=1, le=128)
    balance_coefficient: float = loss_weight(0.003, "the balancing loss over experts of each layer")
    device_balance_coefficient: float = loss_weight(0.05, "the balancing loss over devices of each layer")

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """Two devices where the experts can be halved, otherwise one."""
        return super().with_experts(n_experts, **{"n_devices": 2 if n_experts % 2 == 0 else 1, **fields})


LAYER = DeepSeekMoEConfig

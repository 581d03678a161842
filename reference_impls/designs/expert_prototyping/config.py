"""Settings of M6-T's expert prototyping."""

from typing import Any, ClassVar, Self

from reference_impls.config import CapacityConfig, FieldPairs, expert_width, loss_weight, setting


class M6TConfig(CapacityConfig):
    """M6-T layers: the experts in prototypes, one expert of each for every token."""

    multiples: ClassVar[FieldPairs] = {"n_experts": "n_prototypes"}
    expert_kind = "relu"

    d_expert: int = expert_width(192)
    n_prototypes: int = setting(
        2, "Prototypes (groups) that the experts are divided into; a token uses one expert of each.", ge=1, le=256
    )
    capacity_factor_train: float = setting(
        1.25,
        "In training an expert takes at most ceil(factor * n_prototypes * tokens / n_experts) tokens a group.",
        gt=0,
        le=256,
    )
    balance_coefficient: float = loss_weight(
        0.01, "the load-balancing loss within the prototypes of each layer (0: none)"
    )

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """Two prototypes where the experts can be halved, otherwise one."""
        return super().with_experts(n_experts, **({"n_prototypes": 2 if n_experts % 2 == 0 else 1} | fields))

    @property
    def active_experts(self) -> float:
        """One of each prototype."""
        return self.n_prototypes


LAYER = M6TConfig

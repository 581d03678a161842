"""Settings of hierarchical gating in two stages."""

from typing import Any, ClassVar, Literal, Self

from reference_impls.config import FieldPairs, LayerConfig, TaskDefaults, loss_weight, setting


class TwoStageConfig(LayerConfig):
    """A coarse gate picks a group of experts for each token; a fine gate weighs the experts of that group."""

    multiples: ClassVar[FieldPairs] = {"n_experts": "n_groups"}
    task_defaults: ClassVar[TaskDefaults] = {
        # The groups of the default have two experts; so few hidden units each that a group holds one rule or two.
        "clusters": {"n_experts": 16, "n_groups": 8}
    }

    n_groups: int = setting(4, "Groups that the experts are divided into; n_experts is a multiple of it.", ge=1, le=128)
    coarse_gate: Literal["softmax", "laplace"] = setting(
        "softmax", "Logits of the groups: products with the token, or minus its distance from each group's point."
    )
    fine_gate: Literal["softmax", "laplace"] = setting(
        "softmax", "Logits of the experts in a group: products with the token, or minus its distance from their points."
    )
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer, taken over groups")

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """As many groups of two or more experts as the default allows, or one group."""
        groups = next((groups for groups in (4, 2) if n_experts % groups == 0 and n_experts >= 2 * groups), 1)
        return super().with_experts(n_experts, **{"n_groups": groups, **fields})

    @property
    def active_experts(self) -> float:
        """All experts of one group."""
        return self.n_experts // self.n_groups


LAYER = TwoStageConfig

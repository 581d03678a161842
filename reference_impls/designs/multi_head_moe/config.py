"""Settings of tokens split into heads, MH-MoE."""

from typing import ClassVar

from reference_impls.config import FieldPairs, TaskDefaults, TopKConfig, loss_weight, setting


class MultiHeadConfig(TopKConfig):
    """Each token is split into parts, and each part goes to experts of its own."""

    multiples: ClassVar[FieldPairs] = {"d_model": "token_heads"}
    task_defaults: ClassVar[TaskDefaults] = {
        # A part must have room for the features and for what tells the clusters apart; two experts for two parts.
        # More clusters than elsewhere: the dense layer is widened by the matrices around the experts.
        "clusters": {"n_clusters": 16, "n_experts": 16, "token_heads": 2, "experts_per_token": 1}
    }

    token_heads: int = setting(4, "Parts that a token is split into; d_model is a multiple of it.", ge=1, le=64)
    experts_per_token: int = setting(
        2, "Experts that each part of a token passes through; at most n_experts.", ge=1, le=256
    )
    inner_residual: bool = setting(
        False,
        "Whether each part is added to its experts' outputs before the parts are merged (the paper's equation 6).",
    )
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer")

    @property
    def active_experts(self) -> float:
        """Experts that a token's parts may pass through together; those that meet in one expert count once."""
        return min(self.token_heads * self.experts_per_token, self.n_experts)


LAYER = MultiHeadConfig

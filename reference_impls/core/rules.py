"""Routing by a rule that is not learned: experts looked up in a table, or named by a label."""

from torch import Tensor

from reference_impls.core.routing import SparseRouting, top_k_routing, wide


def look_up(table_VK: Tensor, token_id_T: Tensor) -> Tensor:
    """The rows of a table for token ids.

    Raises:
        ValueError: if a token id lies outside the table.
    """
    if token_id_T.numel() and not 0 <= int(token_id_T.min()) <= int(token_id_T.max()) < len(table_VK):
        raise ValueError(
            f"token ids reach from {int(token_id_T.min())} to {int(token_id_T.max())}, the table has "
            f"vocabulary = {len(table_VK)}"
        )
    return table_VK[token_id_T]


def routing_by_rule(
    x_TD: Tensor, expert_TK: Tensor, n_experts: int, stats: dict[str, float] | None = None
) -> SparseRouting:
    """Every token to the k experts that the rule names, all with the same weight; no doubt, hence an entropy of 0."""
    certain_T1 = wide(x_TD).new_ones(len(x_TD), 1)
    weight_TK = (certain_T1 / expert_TK.shape[1]).expand(expert_TK.shape)
    return top_k_routing(weight_TK, expert_TK, n_experts, probability_TE=certain_T1, stats=stats)

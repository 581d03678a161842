"""Token choice in which tokens differ in how many experts they take: from a mask to a routing."""

from collections.abc import Mapping

import torch
from torch import Tensor

from reference_impls.core.routing import AuxiliaryLoss, SparseRouting, entropy


def masked_routing(
    weight_TE: Tensor,
    kept_TE: Tensor,
    *,
    probability_TE: Tensor,
    losses: Mapping[str, AuxiliaryLoss] | None = None,
    stats: Mapping[str, float] | None = None,
) -> SparseRouting:
    """Every token to the experts marked in its row of `kept_TE`, none dropped.

    `stats` gets `experts_per_token`, the mean number of marks in a row; `probability_TE` is what the entropy is
    taken of.
    """
    token_A, expert_A = torch.where(kept_TE)
    return SparseRouting(
        token_A=token_A,
        expert_A=expert_A,
        weight_A=weight_TE[token_A, expert_A],
        load_E=kept_TE.sum(0),
        entropy=entropy(probability_TE),
        n_tokens=len(kept_TE),
        losses=dict(losses or {}),
        stats={"experts_per_token": len(token_A) / max(len(kept_TE), 1), **(stats or {})},
    )

"""Token choice in which tokens differ in how many experts they take: from a mask to a routing, and its balance."""

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
        demand_E=kept_TE.sum(0),
        entropy=entropy(probability_TE),
        n_tokens=len(kept_TE),
        losses=dict(losses or {}),
        stats={"experts_per_token": len(token_A) / max(len(kept_TE), 1), **(stats or {})},
    )


def masked_balance_loss(score_TE: Tensor, kept_TE: Tensor, choices: float) -> Tensor:
    r"""Load-balancing loss $E \sum_i f_i P_i$ over all tokens, where tokens differ in their number of choices.

    $P_i$ is the mean score of expert i, $f_i$ the tokens that chose it divided by `choices`. Divided by the
    choices that were made, and of scores that add up to 1, it is 1 under perfect balance, as in the convention
    `per-assignment` of `load_balancing_loss`.

    Returns:
        A scalar; 0 (with gradient 0) when there is no token or no choice.
    """
    fraction_E = kept_TE.sum(0).to(score_TE.dtype) / max(choices, 1)
    mean_E = score_TE.sum(0) / max(len(score_TE), 1)
    return score_TE.shape[1] * (fraction_E * mean_E).sum()


def mean_entropy(probability_TE: Tensor) -> Tensor:
    """Mean over tokens of the entropy of each token's distribution, in nats, with gradient; 0 of no tokens.

    Probabilities of exactly 0 add nothing and have no gradient, where the derivative would be infinite.
    """
    tiny = torch.finfo(probability_TE.dtype).tiny
    each_TE = -probability_TE * probability_TE.clamp(min=tiny).log()
    return each_TE.sum() / max(len(probability_TE), 1)

"""Choices among true experts and others that cost nothing: null experts, identity experts."""

import torch
from torch import Tensor

from reference_impls.core.routing import AuxiliaryLoss, SparseRouting, entropy


def routing_of_true_choices(
    weight_TK: Tensor,
    expert_TK: Tensor,
    n_experts: int,
    *,
    probability_TX: Tensor,
    losses: dict[str, AuxiliaryLoss],
    identity_T: Tensor | None = None,
) -> SparseRouting:
    """What of k choices a token goes to true experts.

    Args:
        weight_TK: weights of the choices.
        expert_TK: choices; those from `n_experts` on are not true experts.
        n_experts: true experts.
        probability_TX: distribution over all experts, true or not, whose entropy is reported.
        losses: auxiliary losses.
        identity_T: see `Routing`.

    Returns:
        The assignments to true experts. Two measurements come with it: `true_experts`, how many a token uses on
        average, and `true_experts_deviation`, the standard deviation of that number over tokens.
    """
    true_TK = expert_TK < n_experts
    token_A, choice_A = torch.where(true_TK)
    expert_A = expert_TK[token_A, choice_A]
    count_T = true_TK.sum(-1).double()
    empty = len(count_T) == 0
    return SparseRouting(
        token_A=token_A,
        expert_A=expert_A,
        weight_A=weight_TK[token_A, choice_A],
        load_E=torch.bincount(expert_A, minlength=n_experts),
        entropy=entropy(probability_TX),
        n_tokens=len(expert_TK),
        losses=losses,
        identity_T=identity_T,
        stats={
            "true_experts": 0.0 if empty else float(count_T.mean()),
            "true_experts_deviation": 0.0 if empty else float(count_T.std(correction=0)),
        },
    )

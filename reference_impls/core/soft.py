"""What designs share that mix tokens into slots: softmax over the tokens of a group, and its spread."""

import torch
from torch import Tensor

from reference_impls.core.routing import as_float32, float32_linear


def group_softmax(logit_TX: Tensor, group_T: Tensor, n_groups: int) -> Tensor:
    """Softmax over the tokens of each group, column by column.

    Args:
        logit_TX: logits [T, ...], one column for each slot.
        group_T: the group of each token, 0 <= . < n_groups.
        n_groups: number of groups.

    Returns:
        Weights [T, ...] that add up to one over the tokens of a group.
    """
    index_TX = group_T.view(-1, *[1] * (logit_TX.dim() - 1)).expand_as(logit_TX)
    most_GX = logit_TX.new_full((n_groups, *logit_TX.shape[1:]), -torch.inf)
    most_GX = most_GX.scatter_reduce(0, index_TX, logit_TX.detach(), "amax")
    raised_TX = (logit_TX - most_GX[group_T]).exp()
    sum_GX = torch.zeros_like(most_GX).index_add(0, group_T, raised_TX)
    return raised_TX / sum_GX[group_T]


def slot_entropy(dispatch_TES: Tensor, group_T: Tensor, n_groups: int) -> float:
    """Mean over slots of the entropy, in nats, of the tokens that a slot is made of; ln of their number at most."""
    slots = (
        int((torch.bincount(group_T, minlength=n_groups) > 0).sum()) * dispatch_TES[0].numel() if len(group_T) else 0
    )
    return float(torch.special.entr(dispatch_TES.detach()).sum()) / max(slots, 1)


def cosine_logits(x_TD: Tensor, slot_ESD: Tensor, scale: Tensor) -> Tensor:
    """`scale` times the cosine of each token and slot, [T, E, S], in at least float32.

    A vector of zeros has cosine 0, thanks to the small addend under the root (the authors of Soft MoE add 1e-6).
    """
    E, S, D = slot_ESD.shape
    x_TD = as_float32(x_TD)
    unit_TD, unit_XD = (
        value / (value.square().sum(-1, keepdim=True) + 1e-12).sqrt()
        for value in (x_TD, slot_ESD.reshape(E * S, D).to(x_TD.dtype))
    )
    return scale.to(x_TD.dtype) * float32_linear(unit_TD, unit_XD).view(-1, E, S)

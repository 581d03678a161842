"""What designs share that average the experts' weights: means over the tokens of a group."""

import torch
from torch import Tensor

from reference_impls.core.routing import AuxiliaryLoss, MergeRouting, as_float32, entropy


def group_mean(x_TD: Tensor, group_T: Tensor, n_groups: int) -> Tensor:
    """The mean token of each group [G, D], in at least float32; zeros for a group without tokens."""
    float32_TD = as_float32(x_TD)
    size_G = torch.bincount(group_T, minlength=n_groups).clamp(min=1)
    sum_GD = float32_TD.new_zeros(n_groups, x_TD.shape[1]).index_add(0, group_T, float32_TD)
    return sum_GD / size_G[:, None]


def merge_routing(
    weight_GE: Tensor,
    group_T: Tensor,
    *,
    losses: dict[str, AuxiliaryLoss] | None = None,
    stats: dict[str, float] | None = None,
) -> MergeRouting:
    """One merged expert a group; load and entropy are counted by token."""
    weight_TE = weight_GE.detach()[group_T]
    return MergeRouting(
        weight_GE=weight_GE,
        group_T=group_T,
        load_E=weight_TE.sum(0),
        entropy=entropy(weight_TE),
        n_tokens=len(group_T),
        losses=losses or {},
        stats=stats or {},
    )

"""First come, first served: which assignments fit into experts of limited capacity."""

import torch
from torch import Tensor

from reference_impls.core.routing import SparseRouting


def within_capacity(routing: SparseRouting, group_T: Tensor, n_groups: int, factor: float) -> SparseRouting:
    """Drop the assignments that come after their expert is full in their group, earlier in the list earlier served.

    Args:
        routing: what the tokens want, none dropped.
        group_T: tokens of a group share the experts' places.
        n_groups: number of groups.
        factor: an expert takes ceil(factor * tokens / experts) assignments of each group.
    """
    capacity_G = expert_capacity(torch.bincount(group_T, minlength=n_groups), routing.n_experts, factor)
    return routing.only(fits_capacity(routing.expert_A, group_T[routing.token_A], capacity_G, routing.n_experts))


def expert_capacity(tokens_G: Tensor, n_experts: int, factor: float) -> Tensor:
    """Assignments that each expert may take of each routing group: ceil(factor * tokens / experts), [G].

    Rounded up, so that a perfectly balanced group loses nothing at factor 1 even if experts do not divide
    its tokens. Computed in float64: float32 would round 1.1 * 10 up to 12.
    """
    return torch.ceil(tokens_G.double() * factor / n_experts - 1e-9).long()


def fits_capacity(expert_A: Tensor, group_A: Tensor, capacity_G: Tensor, n_experts: int) -> Tensor:
    """True for the assignments that come before their expert is full in their group, bool [A].

    Earlier in the list is earlier served: an assignment's fate depends on those before it only.
    """
    cell_A = group_A * n_experts + expert_A
    order_A = torch.argsort(cell_A, stable=True)
    count = torch.bincount(cell_A, minlength=len(capacity_G) * n_experts)
    first = count.cumsum(0) - count
    place_A = torch.empty_like(cell_A)
    place_A[order_A] = torch.arange(len(cell_A), device=cell_A.device) - first[cell_A[order_A]]
    return place_A < capacity_G[group_A]

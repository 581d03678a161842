"""From a routing and a bank of experts to outputs, whatever the form of the routing."""

import torch
from torch import Tensor

from reference_impls.core.dispatch import dispatch_loop, dispatch_sorted
from reference_impls.core.experts import ExpertBank, Experts
from reference_impls.core.routing import DenseRouting, MergeRouting, Routing, SoftRouting, SparseRouting


def combine(x_TD: Tensor, routing: Routing, bank: Experts) -> Tensor:
    """Outputs [T, D] of the routed experts for the tokens.

    Raises:
        TypeError: if experts are to be merged that have no stacked weights.
    """
    match routing:
        case SparseRouting():
            # Banks with biases or of mixed shapes have no stacked, bias-free weights: the definition serves.
            return (dispatch_sorted if isinstance(bank, ExpertBank) else dispatch_loop)(x_TD, routing, bank)  # type: ignore[arg-type]
        case DenseRouting():
            return combine(x_TD, routing.as_sparse(), bank)
        case SoftRouting():
            return _through_slots(x_TD, routing, bank)
        case MergeRouting():
            if not isinstance(bank, ExpertBank):
                raise TypeError(f"experts of {type(bank).__name__} have no stacked weights to merge")
            return _through_merged(x_TD, routing, bank)
    raise TypeError(f"no way to combine a {type(routing).__name__}")


class _Groups:
    """Tokens of groups of different sizes laid out side by side, padded with zeros."""

    def __init__(self, group_T: Tensor, n_groups: int) -> None:
        self.order_T = torch.argsort(group_T, stable=True)
        size_G = torch.bincount(group_T, minlength=n_groups)
        self.group_T = group_T[self.order_T]
        first_G = size_G.cumsum(0) - size_G
        self.place_T = torch.arange(len(group_T), device=group_T.device) - first_G[self.group_T]
        self.shape = n_groups, int(size_G.max()) if len(group_T) else 0

    def spread(self, value_TX: Tensor) -> Tensor:
        """[T, ...] -> [groups, longest, ...]."""
        padded_GNX = value_TX.new_zeros(*self.shape, *value_TX.shape[1:])
        return padded_GNX.index_put((self.group_T, self.place_T), value_TX[self.order_T])

    def gather(self, value_GNX: Tensor) -> Tensor:
        """[groups, longest, ...] -> [T, ...]; the inverse of `spread`."""
        value_TX = value_GNX.new_empty(len(self.order_T), *value_GNX.shape[2:])
        return value_TX.index_put((self.order_T,), value_GNX[self.group_T, self.place_T])


def _through_slots(x_TD: Tensor, routing: SoftRouting, bank: Experts) -> Tensor:
    """Mix the tokens of each group into slots, run the experts, mix the slots back."""
    _, E, S = routing.dispatch_TES.shape
    G, D = routing.n_groups, x_TD.shape[1]
    groups = _Groups(routing.group_T, G)
    dispatch_GNES, x_GND = groups.spread(routing.dispatch_TES.to(x_TD.dtype)), groups.spread(x_TD)
    slot_EGSD = torch.einsum("gnes,gnd->egsd", dispatch_GNES, x_GND)
    output_EGSD = torch.stack([bank(slot_EGSD[e].reshape(G * S, D), e).view(G, S, D) for e in range(E)])
    combine_GNES = groups.spread(routing.combine_TES.to(x_TD.dtype))
    return groups.gather(torch.einsum("gnes,egsd->gnd", combine_GNES, output_EGSD))


def _through_merged(x_TD: Tensor, routing: MergeRouting, bank: ExpertBank) -> Tensor:
    """Average the experts' weights for each group, and run the group's tokens through that one expert."""
    weight_GE = routing.weight_GE.to(bank.w_in_EID.dtype)
    w_in_GID = torch.einsum("ge,eid->gid", weight_GE, bank.w_in_EID)
    w_out_GDF = torch.einsum("ge,edf->gdf", weight_GE, bank.w_out_EDF)
    groups = _Groups(routing.group_T, len(weight_GE))
    hidden_GNF = bank.activate(torch.bmm(groups.spread(x_TD), w_in_GID.mT))
    return groups.gather(torch.bmm(hidden_GNF, w_out_GDF.mT))

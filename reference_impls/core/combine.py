"""From a routing and a bank of experts to outputs, whatever the form of the routing."""

import torch
from torch import Tensor
from torch.nn import functional as F

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


def _through_slots(x_TD: Tensor, routing: SoftRouting, bank: Experts) -> Tensor:
    """Mix the tokens of each group into slots, run the experts, mix the slots back."""
    T, E, S = routing.dispatch_TES.shape
    G, D = routing.n_groups, x_TD.shape[1]
    # Groups of different sizes are laid out side by side and padded with weightless tokens.
    order_T = torch.argsort(routing.group_T, stable=True)
    size_G = torch.bincount(routing.group_T, minlength=G)
    group_T = routing.group_T[order_T]
    place_T = torch.arange(T, device=x_TD.device) - (size_G.cumsum(0) - size_G)[group_T]
    longest = int(size_G.max()) if T else 0

    def by_group(value_TX: Tensor) -> Tensor:
        padded = value_TX.new_zeros(G, longest, *value_TX.shape[1:])
        return padded.index_put((group_T, place_T), value_TX[order_T])

    dispatch_GNES, x_GND = by_group(routing.dispatch_TES.to(x_TD.dtype)), by_group(x_TD)
    slot_EGSD = torch.einsum("gnes,gnd->egsd", dispatch_GNES, x_GND)
    output_EGSD = torch.stack([bank(slot_EGSD[e].reshape(G * S, D), e).view(G, S, D) for e in range(E)])
    y_GND = torch.einsum("gnes,egsd->gnd", by_group(routing.combine_TES.to(x_TD.dtype)), output_EGSD)
    y_TD = torch.empty_like(x_TD)
    return y_TD.index_put((order_T,), y_GND[group_T, place_T])


def _through_merged(x_TD: Tensor, routing: MergeRouting, bank: ExpertBank) -> Tensor:
    """Average the experts' weights for each group, and run the group's tokens through that one expert."""
    y_TD = torch.zeros_like(x_TD)
    weight_GE = routing.weight_GE.to(bank.w_in_EID.dtype)
    w_in_GID = torch.einsum("ge,eid->gid", weight_GE, bank.w_in_EID)
    w_out_GDF = torch.einsum("ge,edf->gdf", weight_GE, bank.w_out_EDF)
    for group, (w_in_ID, w_out_DF) in enumerate(zip(w_in_GID, w_out_GDF, strict=True)):
        (token_R,) = torch.where(routing.group_T == group)
        hidden_RF = bank.activate(F.linear(x_TD[token_R], w_in_ID))
        y_TD = y_TD.index_add(0, token_R, F.linear(hidden_RF, w_out_DF))
    return y_TD

"""Sending tokens to experts and adding up what comes back: the definition, and one fast way to do it."""

import torch
from torch import Tensor
from torch.nn import functional as F

from reference_impls.core.experts import ExpertBank
from reference_impls.core.routing import SparseRouting


def dispatch_loop(x_TD: Tensor, routing: SparseRouting, bank: ExpertBank) -> Tensor:
    """The definition: expert by expert, weight times output, added to the token. Returns [T, D]."""
    y_TD = torch.zeros_like(x_TD)
    for expert in range(bank.n_experts):
        (chosen_R,) = torch.where(routing.expert_A == expert)
        token_R = routing.token_A[chosen_R]
        output_RD = bank(x_TD[token_R], expert)
        weighted_RD = output_RD * routing.weight_A[chosen_R, None].to(x_TD.dtype)
        y_TD = y_TD.index_add(0, token_R, weighted_RD)
    return y_TD


def dispatch_sorted(x_TD: Tensor, routing: SparseRouting, bank: ExpertBank) -> Tensor:
    """The same numbers, sorting the assignments by expert once. Returns [T, D].

    Three things make it faster than the definition: one gather and one scatter for all experts together;
    the weights taken apart with `unbind`, because indexing `w[e]` in a loop makes a gradient of the size of
    the whole bank for every expert; and the routing weight multiplied into the hidden activation, which
    autograd keeps anyway, instead of into the output, which it then would have to keep as well.
    """
    order_A = torch.argsort(routing.expert_A, stable=True)
    token_A = routing.token_A[order_A]
    count_E = torch.bincount(routing.expert_A, minlength=bank.n_experts).tolist()
    rows_E = torch.split(x_TD[token_A], count_E)
    weight_A1 = routing.weight_A[order_A, None].to(x_TD.dtype)
    weight_E = torch.split(weight_A1, count_E)
    outputs = [
        F.linear(bank.activate(F.linear(x_RD, w_in_ID)) * weight_R1, w_out_DF)
        for x_RD, weight_R1, w_in_ID, w_out_DF in zip(
            rows_E, weight_E, bank.w_in_EID.unbind(0), bank.w_out_EDF.unbind(0), strict=True
        )
        if len(x_RD)
    ]
    if not outputs:
        # No assignment at all; the product keeps y attached to the graph, so that backward still works.
        return x_TD * 0
    return torch.zeros_like(x_TD).index_add(0, token_A, torch.cat(outputs))

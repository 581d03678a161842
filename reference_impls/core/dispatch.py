"""Sending tokens to experts and adding up what comes back: the definition, and one fast way to do it."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from reference_impls.core import dispatch_gemm as gemm
from reference_impls.core.experts import ExpertBank, Experts
from reference_impls.core.routing import SparseRouting


def dispatch_loop(x_TD: Tensor, routing: SparseRouting, bank: Experts) -> Tensor:
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
    """The same numbers up to rounding, faster and with less memory. Returns [T, D].

    The assignments are sorted by expert once; then each expert gathers its rows, multiplies, and adds to
    the tokens, so that no copy of all gathered rows or outputs ever exists. The backward pass is written
    out (first derivatives only). It keeps the products before the activation and nothing else: rows are
    gathered again, activations computed again. As the routing weight multiplies the hidden activation
    instead of the output, its gradient is a row sum of two matrices that backward has at hand, and the
    outputs are not needed. The products go through `dispatch_gemm`.

    Under autocast the products run in autocast's dtype; tokens and gradients keep their own.
    """
    device = x_TD.device.type
    autocast = torch.is_autocast_enabled(device)
    dtype = torch.get_autocast_dtype(device) if autocast else x_TD.dtype
    if not autocast and bank.w_in_EID.dtype != dtype:
        raise ValueError(f"the tokens are {dtype}, the experts {bank.w_in_EID.dtype}: convert one to the other's dtype")
    order_A = torch.argsort(routing.expert_A, stable=True)
    y_TD: Tensor = _Experts.apply(  # type: ignore[no-untyped-call]
        x_TD, routing.weight_A[order_A], bank.w_in_EID, bank.w_out_EDF,
        routing.token_A[order_A], torch.bincount(routing.expert_A, minlength=bank.n_experts).tolist(),
        bank, dtype, torch.is_grad_enabled(),
    )  # fmt: skip
    return y_TD


class _Experts(torch.autograd.Function):
    """All experts over assignments sorted by expert; `count_E` says how many belong to each."""

    @staticmethod
    def forward(
        ctx: Any, x_TD: Tensor, weight_A: Tensor, w_in_EID: Tensor, w_out_EDF: Tensor,
        token_A: Tensor, count_E: list[int], bank: ExpertBank, dtype: torch.dtype, keep: bool,
    ) -> Tensor:  # fmt: skip
        used = [expert for expert, count in enumerate(count_E) if count]
        rows = -(-len(token_A) // max(len(used), 1))
        fast_in = gemm.choose(rows, w_in_EID[0], device=x_TD.device, dtype=dtype)
        fast_out = gemm.choose(rows, w_out_EDF[0], device=x_TD.device, dtype=dtype)
        token_E, weight_E = torch.split(token_A, count_E), torch.split(weight_A, count_E)
        y_TD = torch.zeros_like(x_TD, memory_format=torch.contiguous_format)
        kept = []
        with torch.autocast(x_TD.device.type, enabled=False):
            for expert in used:
                x_RD = x_TD[token_E[expert]].to(dtype)
                in_RI = gemm.linear(x_RD, w_in_EID[expert].to(dtype), onednn=fast_in["forward"])
                hidden_RF = bank.activate(in_RI).mul_(weight_E[expert].to(dtype)[:, None])
                output_RD = gemm.linear(hidden_RF, w_out_EDF[expert].to(dtype), onednn=fast_out["forward"])
                y_TD.index_add_(0, token_E[expert], output_RD.to(y_TD.dtype))
                if keep:
                    kept.append(in_RI)
        if keep:
            ctx.save_for_backward(x_TD, weight_A, w_in_EID, w_out_EDF, token_A, *kept)
            ctx.used, ctx.count_E, ctx.bank, ctx.dtype = used, count_E, bank, dtype
            ctx.fast_in, ctx.fast_out = fast_in, fast_out
        return y_TD

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_TD: Tensor) -> tuple[Tensor | None, ...]:
        x_TD, weight_A, w_in_EID, w_out_EDF, token_A, *kept = ctx.saved_tensors
        dtype, fast_in, fast_out = ctx.dtype, ctx.fast_in, ctx.fast_out
        token_E, weight_E = torch.split(token_A, ctx.count_E), torch.split(weight_A, ctx.count_E)
        dx_TD, dweight_A, dw_in_EID, dw_out_EDF = (
            torch.empty_like(leaf, memory_format=torch.contiguous_format) if needed else None
            for leaf, needed in zip((x_TD, weight_A, w_in_EID, w_out_EDF), ctx.needs_input_grad, strict=False)
        )
        if dx_TD is not None:
            dx_TD.zero_()
        for dw in (dw_in_EID, dw_out_EDF):
            if dw is not None:
                for expert, count in enumerate(ctx.count_E):
                    if not count:
                        dw[expert].zero_()
        dweight_E = None if dweight_A is None else torch.split(dweight_A, ctx.count_E)
        for expert, in_RI in zip(ctx.used, kept, strict=True):
            token_R, weight_R1 = token_E[expert], weight_E[expert].to(dtype)[:, None]
            dy_RD = dy_TD[token_R].to(dtype)
            hidden_RF = ctx.bank.activate(in_RI)
            dhidden_RF = gemm.input_gradient(dy_RD, w_out_EDF[expert].to(dtype), onednn=fast_out["input"])
            if dweight_E is not None:
                torch.sum(hidden_RF * dhidden_RF, -1, dtype=weight_A.dtype, out=dweight_E[expert])
            if dw_out_EDF is not None:
                gemm.weight_gradient(dy_RD, hidden_RF.mul_(weight_R1), dw_out_EDF[expert], onednn=fast_out["weight"])
            del hidden_RF, dy_RD
            if dx_TD is None and dw_in_EID is None:
                continue
            din_RI = ctx.bank.activation_gradient(in_RI, dhidden_RF.mul_(weight_R1))
            del dhidden_RF
            if dw_in_EID is not None:
                gemm.weight_gradient(din_RI, x_TD[token_R].to(dtype), dw_in_EID[expert], onednn=fast_in["weight"])
            if dx_TD is not None:
                dx_RD = gemm.input_gradient(din_RI, w_in_EID[expert].to(dtype), onednn=fast_in["input"])
                dx_TD.index_add_(0, token_R, dx_RD.to(dx_TD.dtype))
        return dx_TD, dweight_A, dw_in_EID, dw_out_EDF, None, None, None, None, None

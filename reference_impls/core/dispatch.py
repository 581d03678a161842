"""Sending tokens to experts and adding up what comes back: the definition, and one fast way to do it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from reference_impls.core import dispatch_gemm as gemm
from reference_impls.core import step_memory
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

    The assignments are sorted by expert once; then each expert gathers its rows and multiplies. Its outputs
    are added up for the tokens at the end, in one pass that reads every output once and writes every token
    once. The products go through `dispatch_gemm`.

    The backward pass is written out (first derivatives only; PyTorch's error says so where a second is asked
    for). It keeps the products before the activation and nothing else: rows are gathered again, activations
    computed again. Everything in it is linear in the routing weight, which is therefore applied where rows
    are narrow, to x and to dy and in the sums over a token's assignments, and never to the wide hidden
    layer; its own gradient is the row sum of the activation times the activation's gradient, both at hand.

    Under autocast the products run in autocast's dtype; tokens and gradients keep their own. On CUDA, where
    each expert's own launch would leave the device idle, `dispatch_grouped` does the work if it can.
    """
    device = x_TD.device.type
    autocast = torch.is_autocast_enabled(device)
    dtype = torch.get_autocast_dtype(device) if autocast else x_TD.dtype
    if not autocast and bank.w_in_EID.dtype != dtype:
        raise ValueError(f"the tokens are {dtype}, the experts {bank.w_in_EID.dtype}: convert one to the other's dtype")
    if x_TD.is_cuda and _grouped_mm_takes(bank, dtype):
        return dispatch_grouped(x_TD, routing, bank, dtype)
    order_A = torch.argsort(routing.expert_A, stable=True)
    order = _Order.of(routing.token_A[order_A], routing.expert_A, bank.n_experts, len(x_TD))
    y_TD: Tensor = _Experts.apply(  # type: ignore[no-untyped-call]
        x_TD, routing.weight_A[order_A], bank.w_in_EID, bank.w_out_EDF, order, bank, dtype, torch.is_grad_enabled()
    )
    return y_TD


def dispatch_grouped(x_TD: Tensor, routing: SparseRouting, bank: ExpertBank, dtype: torch.dtype) -> Tensor:
    """The same again with one grouped product over all experts and no word from the device, for CUDA.

    Checked against the definition on CPU, where the same operator exists; not yet run on a CUDA device.
    """
    order_A = torch.argsort(routing.expert_A, stable=True)
    token_A = routing.token_A[order_A]
    stop_E = torch.bincount(routing.expert_A, minlength=bank.n_experts).cumsum(0).int()
    with torch.autocast(x_TD.device.type, enabled=False):
        in_AI = F.grouped_mm(x_TD[token_A].to(dtype), bank.w_in_EID.to(dtype).transpose(1, 2), offs=stop_E)
        hidden_AF = bank.activate(in_AI) * routing.weight_A[order_A, None].to(dtype)
        output_AD = F.grouped_mm(hidden_AF, bank.w_out_EDF.to(dtype).transpose(1, 2), offs=stop_E)
        # Adding at the tokens has a gather as its derivative, so that no expanded gradient, which the
        # operator's own derivative does not take, can reach it.
        return torch.zeros_like(x_TD).index_add(0, token_A, output_AD.to(x_TD.dtype))


def _grouped_mm_takes(bank: ExpertBank, dtype: torch.dtype) -> bool:
    """Whether the CUDA kernel does: bfloat16, rows of whole 16 bytes."""
    whole = bank.d_model % 8 == 0 and bank.d_expert % 8 == 0
    return dtype == torch.bfloat16 and whole and hasattr(F, "grouped_mm")


@dataclass(frozen=True)
class _Order:
    """Assignments sorted by expert, and the way back to tokens.

    Attributes:
        token_A: token of each assignment.
        rows_E: for each expert that has any, its number and its assignments.
        idle: the experts that have none.
        back_A: assignments sorted by token.
        start_T: where each token's begin in `back_A`, and at the end their number.
    """

    token_A: Tensor
    rows_E: list[tuple[int, slice]]
    idle: list[int]
    back_A: Tensor
    start_T: Tensor

    @classmethod
    def of(cls, token_A: Tensor, expert_A: Tensor, n_experts: int, n_tokens: int) -> "_Order":
        count_E = torch.bincount(expert_A, minlength=n_experts)
        stop_E = count_E.cumsum(0).tolist()
        rows_E = [(e, slice(a, b)) for e, (a, b) in enumerate(zip([0, *stop_E], stop_E, strict=False)) if a < b]
        back_A = torch.argsort(token_A, stable=True)
        start_T = F.pad(torch.bincount(token_A, minlength=n_tokens).cumsum(0), (1, 0))
        idle = sorted(set(range(n_experts)) - {expert for expert, _ in rows_E})
        return cls(token_A, rows_E, idle, back_A.int(), start_T.int())

    def rows_of(self, rows_TD: Tensor, expert_rows: slice, dtype: torch.dtype) -> Tensor:
        """Rows of the tokens of one expert's assignments, in new memory."""
        return rows_TD.index_select(0, self.token_A[expert_rows]).to(dtype)

    def combine(self, rows_AD: Tensor, weight_A: Tensor) -> Tensor:
        """For each token the weighted sum of its assignments' rows, [T, D]."""
        # `index_add_` would make many passes; bags of rows are summed in one, whatever their sizes.
        weight_A = weight_A.to(rows_AD.dtype)[self.back_A]
        return F.embedding_bag(
            self.back_A, rows_AD, self.start_T, mode="sum", per_sample_weights=weight_A, include_last_offset=True
        )


def _memory(owner: object, use: str, rows: int, width: int, like: Tensor, dtype: torch.dtype) -> Tensor:
    """A matrix with a row per assignment, not initialised."""
    return step_memory.empty(owner, use, (rows, width), dtype=dtype, device=like.device)


class _Experts(torch.autograd.Function):
    """All experts over assignments sorted by expert."""

    @staticmethod
    def forward(
        ctx: Any, x_TD: Tensor, weight_A: Tensor, w_in_EID: Tensor, w_out_EDF: Tensor,
        order: _Order, bank: ExpertBank, dtype: torch.dtype, keep: bool,
    ) -> Tensor:  # fmt: skip
        rows = -(-len(weight_A) // max(len(order.rows_E), 1))
        way_in, way_out = (gemm.choose(rows, w_ENM, dtype) for w_ENM in (w_in_EID, w_out_EDF))
        # Rows that wait for their sum: one memory does for all layers, as they take turns.
        output_AD = _memory(_Experts, "rows", len(weight_A), x_TD.shape[1], x_TD, x_TD.dtype)
        in_AI = _memory(bank, "before the activation", len(weight_A), w_in_EID.shape[1], x_TD, dtype) if keep else None
        with torch.autocast(x_TD.device.type, enabled=False):
            for expert, r in order.rows_E:
                x_RD = order.rows_of(x_TD, r, dtype)
                kept_RI = None if in_AI is None else in_AI[r]
                in_RI = gemm.multiply("forward", x_RD, w_in_EID[expert].to(dtype), way_in["forward"], out=kept_RI)
                hidden_RF = bank.activate(in_RI)
                w_out_DF = w_out_EDF[expert].to(dtype)
                gemm.multiply("forward", hidden_RF, w_out_DF, way_out["forward"], out=output_AD[r])
            y_TD = order.combine(output_AD, weight_A)
        if in_AI is not None:
            ctx.save_for_backward(x_TD, weight_A, w_in_EID, w_out_EDF, in_AI)
            ctx.order, ctx.bank, ctx.dtype, ctx.way_in, ctx.way_out = order, bank, dtype, way_in, way_out
        return y_TD

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_TD: Tensor) -> tuple[Tensor | None, ...]:
        x_TD, weight_A, w_in_EID, w_out_EDF, in_AI = ctx.saved_tensors
        order, dtype, way_in, way_out = ctx.order, ctx.dtype, ctx.way_in, ctx.way_out
        need_x, need_weight, *need_banks = ctx.needs_input_grad[:4]
        dx_AD = _memory(_Experts, "rows", len(weight_A), x_TD.shape[1], x_TD, x_TD.dtype) if need_x else None
        dweight_A = torch.empty_like(weight_A) if need_weight else None
        dw_in_EID, dw_out_EDF = (
            step_memory.empty(ctx.bank, name, w_ENM.shape, dtype=w_ENM.dtype, device=w_ENM.device) if need else None
            for name, w_ENM, need in zip(("in", "out"), (w_in_EID, w_out_EDF), need_banks, strict=True)
        )
        for expert, r in order.rows_E:
            weight_R1 = weight_A[r, None].to(dtype)
            dy_RD = order.rows_of(dy_TD, r, dtype)
            dhidden_RF = gemm.multiply("input", dy_RD, w_out_EDF[expert].to(dtype), way_out["input"])
            hidden_RF, din_RI = ctx.bank.activate_backward(in_AI[r], dhidden_RF)
            if dw_out_EDF is not None:
                gemm.multiply("weight", dy_RD.mul_(weight_R1), hidden_RF, way_out["weight"], out=dw_out_EDF[expert])
            if dweight_A is not None:
                torch.sum(hidden_RF.mul_(dhidden_RF), -1, dtype=weight_A.dtype, out=dweight_A[r])
            del dy_RD, hidden_RF, dhidden_RF
            if dw_in_EID is not None:
                x_RD = order.rows_of(x_TD, r, dtype).mul_(weight_R1)
                gemm.multiply("weight", din_RI, x_RD, way_in["weight"], out=dw_in_EID[expert])
            if dx_AD is not None:
                gemm.multiply("input", din_RI, w_in_EID[expert].to(dtype), way_in["input"], out=dx_AD[r])
        for dw in (dw_in_EID, dw_out_EDF):
            if dw is not None:
                for expert in order.idle:
                    dw[expert].zero_()
        dx_TD = None if dx_AD is None else order.combine(dx_AD, weight_A)
        return dx_TD, dweight_A, dw_in_EID, dw_out_EDF, None, None, None, None

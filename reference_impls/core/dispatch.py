"""Sending tokens to experts and adding up what comes back: the definition, and one fast way to do it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from reference_impls.core import buffer_pool
from reference_impls.core import dispatch_gemm as gemm
from reference_impls.core.experts import ExpertBank, Experts
from reference_impls.core.routing import SparseRouting

# Experts with few rows are worked through together, as long as what a block makes stays in the cache.
BLOCK = 2**19  # numbers before the activation


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

    The assignments are sorted by expert once; then each expert, or a block of experts that have few rows,
    gathers its rows and multiplies. Outputs are added up for the tokens at the end, in one pass that reads
    every output once and writes every token once. The products go through `dispatch_gemm`.

    The backward pass is written out (first derivatives only; an error says so where a second is asked for).
    It keeps the products before the activation and nothing else: rows are gathered again, activations
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
    most_rows = BLOCK // bank.w_in_EID.shape[1]
    order = _Order.of(routing.token_A[order_A], routing.expert_A, bank.n_experts, len(x_TD), most_rows)
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
class _Block:
    """Neighbouring experts that are worked through together.

    Attributes:
        rows: their assignments.
        experts: the number of each and its rows within the block.
    """

    rows: slice
    experts: list[tuple[int, slice]]

    def multiply(
        self, kind: gemm.Kind, a_RX: Tensor, w_ENM: Tensor, way: dict[gemm.Kind, gemm.Way], out: Tensor | None = None
    ) -> Tensor:
        """Rows of each expert times its weights, in the dtype of the rows; `out`, if given, takes the result."""
        if out is None and len(self.experts) == 1:
            return gemm.multiply(kind, a_RX, w_ENM[self.experts[0][0]].to(a_RX.dtype), way[kind])
        if out is None:
            out = a_RX.new_empty(len(a_RX), w_ENM.shape[1 if kind == "forward" else 2])
        for expert, r in self.experts:
            gemm.multiply(kind, a_RX[r], w_ENM[expert].to(a_RX.dtype), way[kind], out=out[r])
        return out

    def multiply_weight(self, grad_RN: Tensor, x_RD: Tensor, dw_END: Tensor, way: dict[gemm.Kind, gemm.Way]) -> None:
        """The gradient of each expert's weights, written to its place in `dw_END`."""
        for expert, r in self.experts:
            gemm.multiply("weight", grad_RN[r], x_RD[r], way["weight"], out=dw_END[expert])


@dataclass(frozen=True)
class _Order:
    """Assignments sorted by expert, and the way back to tokens.

    Attributes:
        token_A: token of each assignment.
        blocks: the experts that have any.
        idle: the experts that have none.
        back_A: assignments sorted by token.
        start_T: where each token's begin in `back_A`, and at the end their number.
    """

    token_A: Tensor
    blocks: list[_Block]
    idle: list[int]
    back_A: Tensor
    start_T: Tensor

    @classmethod
    def of(cls, token_A: Tensor, expert_A: Tensor, n_experts: int, n_tokens: int, most_rows: int) -> "_Order":
        """`most_rows`: of a block of several experts; one expert may have more."""
        count_E = torch.bincount(expert_A, minlength=n_experts).tolist()
        blocks: list[_Block] = []
        start = 0
        for expert, count in enumerate(count_E):
            if count == 0:
                continue
            begun = blocks[-1].rows.start if blocks else start
            if blocks and start + count - begun <= most_rows:
                experts = [*blocks.pop().experts, (expert, slice(start - begun, start + count - begun))]
            else:
                begun, experts = start, [(expert, slice(0, count))]
            start += count
            blocks.append(_Block(slice(begun, start), experts))
        back_A = torch.argsort(token_A, stable=True)
        start_T = F.pad(torch.bincount(token_A, minlength=n_tokens).cumsum(0), (1, 0))
        idle = [expert for expert, count in enumerate(count_E) if count == 0]
        return cls(token_A, blocks, idle, back_A.int(), start_T.int())

    @property
    def rows_of_an_expert(self) -> int:
        """On average over the experts that have any, rounded up."""
        return -(-len(self.token_A) // max(sum(len(block.experts) for block in self.blocks), 1))

    def rows_of(self, rows_TD: Tensor, block: _Block, dtype: torch.dtype) -> Tensor:
        """Rows of the tokens of a block's assignments, in new memory."""
        return rows_TD.index_select(0, self.token_A[block.rows]).to(dtype)

    def combine(self, rows_AD: Tensor, weight_A: Tensor) -> Tensor:
        """For each token the weighted sum of its assignments' rows, [T, D]."""
        # `index_add_` would make many passes; bags of rows are summed in one, whatever their sizes.
        weight_A = weight_A.to(rows_AD.dtype)[self.back_A]
        return F.embedding_bag(
            self.back_A, rows_AD, self.start_T, mode="sum", per_sample_weights=weight_A, include_last_offset=True
        )


def _memory(owner: object, use: str, rows: int, width: int, like: Tensor, dtype: torch.dtype) -> Tensor:
    """A matrix with a row per assignment, not initialised."""
    return buffer_pool.empty(owner, use, (rows, width), dtype=dtype, device=like.device)


class _Experts(torch.autograd.Function):
    """All experts over assignments sorted by expert."""

    @staticmethod
    def forward(
        ctx: Any, x_TD: Tensor, weight_A: Tensor, w_in_EID: Tensor, w_out_EDF: Tensor,
        order: _Order, bank: ExpertBank, dtype: torch.dtype, keep: bool,
    ) -> Tensor:  # fmt: skip
        way_in, way_out = (gemm.choose(order.rows_of_an_expert, w_ENM, dtype) for w_ENM in (w_in_EID, w_out_EDF))
        # Rows that wait for their sum: one memory does for all layers, as they take turns.
        output_AD = _memory(_Experts, "rows", len(weight_A), x_TD.shape[1], x_TD, x_TD.dtype)
        in_AI = _memory(bank, "before the activation", len(weight_A), w_in_EID.shape[1], x_TD, dtype) if keep else None
        with torch.autocast(x_TD.device.type, enabled=False):
            for block in order.blocks:
                x_RD = order.rows_of(x_TD, block, dtype)
                kept_RI = None if in_AI is None else in_AI[block.rows]
                in_RI = block.multiply("forward", x_RD, w_in_EID, way_in, out=kept_RI)
                block.multiply("forward", bank.activate(in_RI), w_out_EDF, way_out, out=output_AD[block.rows])
            y_TD = order.combine(output_AD, weight_A)
        if in_AI is not None:
            ctx.save_for_backward(x_TD, weight_A, w_in_EID, w_out_EDF, in_AI)
            ctx.order, ctx.bank, ctx.dtype, ctx.way_in, ctx.way_out = order, bank, dtype, way_in, way_out
        return y_TD

    @staticmethod
    def backward(ctx: Any, dy_TD: Tensor) -> tuple[Tensor | None, ...]:
        # PyTorch's `once_differentiable` would pass over a constant dy, and lose all that depends on x and weights.
        if torch.is_grad_enabled():
            raise RuntimeError("the experts' fast path has first derivatives only: no create_graph=True through it")
        x_TD, weight_A, w_in_EID, w_out_EDF, in_AI = ctx.saved_tensors
        order, dtype, way_in, way_out = ctx.order, ctx.dtype, ctx.way_in, ctx.way_out
        need_x, need_weight, *need_banks = ctx.needs_input_grad[:4]
        dx_AD = _memory(_Experts, "rows", len(weight_A), x_TD.shape[1], x_TD, x_TD.dtype) if need_x else None
        dweight_A = torch.empty_like(weight_A) if need_weight else None
        dw_in_EID, dw_out_EDF = (
            buffer_pool.empty(ctx.bank, name, w_ENM.shape, dtype=w_ENM.dtype, device=w_ENM.device) if need else None
            for name, w_ENM, need in zip(("in", "out"), (w_in_EID, w_out_EDF), need_banks, strict=True)
        )
        for block in order.blocks:
            weight_R1 = weight_A[block.rows, None].to(dtype)
            dy_RD = order.rows_of(dy_TD, block, dtype)
            dhidden_RF = block.multiply("input", dy_RD, w_out_EDF, way_out)
            hidden_RF, din_RI = ctx.bank.activate_backward(in_AI[block.rows], dhidden_RF)
            if dw_out_EDF is not None:
                block.multiply_weight(dy_RD.mul_(weight_R1), hidden_RF, dw_out_EDF, way_out)
            if dweight_A is not None:
                torch.sum(hidden_RF.mul_(dhidden_RF), -1, dtype=weight_A.dtype, out=dweight_A[block.rows])
            del dy_RD, hidden_RF, dhidden_RF
            if dw_in_EID is not None:
                block.multiply_weight(din_RI, order.rows_of(x_TD, block, dtype).mul_(weight_R1), dw_in_EID, way_in)
            if dx_AD is not None:
                block.multiply("input", din_RI, w_in_EID, way_in, out=dx_AD[block.rows])
        for dw in (dw_in_EID, dw_out_EDF):
            if dw is not None:
                for expert in order.idle:
                    dw[expert].zero_()
        dx_TD = None if dx_AD is None else order.combine(dx_AD, weight_A)
        return dx_TD, dweight_A, dw_in_EID, dw_out_EDF, None, None, None, None

"""Matrix products of the fast dispatch: plain PyTorch, or oneDNN where a short calibration finds it faster.

PyTorch sends float32 products on CPU to its BLAS library, which is slow on some processors; oneDNN, which
it also carries, is reachable through the private operator `mkldnn::_linear_pointwise`. Private means that
it may go or change, so it is looked up, tried on numbers, and timed, before it is used. Whatever fails a
step leaves the plain product, which gives the same numbers up to rounding.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Backend = Literal["auto", "plain", "onednn"]
Kind = Literal["forward", "input", "weight"]  # y = x W^T; dx = dy W; dW = dy^T x

# Below this many multiplications a product takes microseconds, and timing it would tell nothing. It also
# keeps runs of small models independent of the timing, hence repeatable to the bit.
SMALLEST = 2**22
_MOST_ROWS = 512  # the calibration's own cost is bounded; more rows do not change which is faster

_forced: Backend = "auto"


@contextmanager
def backend(name: Backend) -> Iterator[None]:
    """Use one backend for every product begun inside, instead of the calibrated choice.

    Raises:
        ValueError: for a backend that this PyTorch does not have.
    """
    global _forced
    if name == "onednn" and not onednn_available(torch.float32):
        raise ValueError("this build of PyTorch has no usable mkldnn::_linear_pointwise; use backend 'plain'")
    before, _forced = _forced, name
    try:
        yield
    finally:
        _forced = before


@cache
def onednn_available(dtype: torch.dtype) -> bool:
    """Whether the private operator exists and multiplies rightly, strides and one row included."""
    if dtype not in (torch.float32, torch.bfloat16) or not torch._C._has_mkldnn:
        return False
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            for rows in (1, 5):
                x_RD, w_ID = torch.randn(rows, 24).to(dtype), torch.randn(40, 24).to(dtype)
                g_RI = torch.randn(rows, 40).to(dtype)
                pairs = [
                    (_run("forward", x_RD, w_ID), x_RD.double() @ w_ID.double().t()),
                    (_run("input", g_RI, w_ID), g_RI.double() @ w_ID.double()),
                    (_run("weight", g_RI, x_RD), g_RI.double().t() @ x_RD.double()),
                ]
                tolerance = 1e-5 if dtype == torch.float32 else 3e-2
                if not all(torch.allclose(a.double(), b, rtol=tolerance, atol=tolerance) for a, b in pairs):
                    return False
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        return False
    return True


def choose(rows: int, w_ND: Tensor, *, device: torch.device, dtype: torch.dtype) -> dict[Kind, bool]:
    """For each kind of product whether oneDNN should do it, for `rows` rows and weights like `w_ND`.

    The choice is made once per process for each dtype, number of threads, weight shape and power of two of
    rows, and then kept, so that a graph sees one backend.
    """
    kinds: tuple[Kind, ...] = ("forward", "input", "weight")
    if _forced == "plain" or device.type != "cpu" or not onednn_available(dtype):
        return dict.fromkeys(kinds, False)
    if _forced == "onednn":
        return dict.fromkeys(kinds, True)
    n, d = w_ND.shape
    if rows * n * d < SMALLEST:
        return dict.fromkeys(kinds, False)
    bucket = min(1 << (rows - 1).bit_length(), _MOST_ROWS)
    return {kind: _onednn_is_faster(kind, bucket, n, d, dtype, torch.get_num_threads()) for kind in kinds}


@cache
def _onednn_is_faster(kind: Kind, rows: int, n: int, d: int, dtype: torch.dtype, threads: int) -> bool:
    """Time both on memory of the right shapes; the least of interleaved rounds, as noise only adds."""
    shapes = {"forward": ((rows, d), (n, d)), "input": ((rows, n), (n, d)), "weight": ((rows, n), (rows, d))}
    a, b = (torch.full(shape, 0.5, dtype=dtype) for shape in shapes[kind])
    out = torch.empty(n, d, dtype=dtype)
    least = {True: float("inf"), False: float("inf")}
    with torch.no_grad():
        for _ in range(4):
            for fast in (True, False):
                start = time.perf_counter()
                if kind == "weight":
                    weight_gradient(a, b, out, onednn=fast)
                else:
                    product: Callable[..., Tensor] = linear if kind == "forward" else input_gradient
                    product(a, b, onednn=fast)
                least[fast] = min(least[fast], time.perf_counter() - start)
    return least[True] < least[False]


def linear(x_RD: Tensor, w_ND: Tensor, *, onednn: bool) -> Tensor:
    """Rows times weights, [R, N]."""
    return _run("forward", x_RD, w_ND) if onednn else F.linear(x_RD, w_ND)


def input_gradient(g_RN: Tensor, w_ND: Tensor, *, onednn: bool) -> Tensor:
    """Gradient [R, D] of the rows, given that of the product."""
    return _run("input", g_RN, w_ND) if onednn else g_RN @ w_ND


def weight_gradient(g_RN: Tensor, x_RD: Tensor, out_ND: Tensor, *, onednn: bool) -> None:
    """Gradient of the weights, written to `out_ND`, which may be wider than the product."""
    if onednn:
        out_ND.copy_(_run("weight", g_RN, x_RD))
    elif out_ND.dtype == g_RN.dtype:
        torch.mm(g_RN.t(), x_RD, out=out_ND)
    else:
        out_ND.copy_(g_RN.t() @ x_RD)


def _run(kind: Kind, a: Tensor, b: Tensor) -> Tensor:
    # The operator computes x W^T. Transposed views do for the other two products: oneDNN reads the second
    # operand with its strides, and only the first is copied where it is not contiguous.
    x, w = {"forward": (a, b), "input": (a, b.t()), "weight": (a.t(), b.t())}[kind]
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, w, None, "none", [], "")
    return product

"""Matrix products of the fast dispatch: plain PyTorch, or oneDNN where a short calibration finds it faster.

PyTorch sends float32 products on CPU to its BLAS library, which is slow on some processors; oneDNN, which
it also carries, is reachable through the private operator `mkldnn::_linear_pointwise`. Private means that
it may go or change, so it is looked up, tried on numbers, and timed, before it is used. Whatever fails a
step leaves the plain product, which gives the same numbers up to rounding. In bfloat16 PyTorch itself goes
to oneDNN. Either may be asked for the transposed product instead, which suits few rows.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Literal

import torch
from torch import Tensor

Backend = Literal["auto", "plain", "onednn"]
Kind = Literal["forward", "input", "weight"]  # y = x W^T; dx = dy W; dW = dy^T x
Way = Literal["plain", "plain turned", "onednn", "onednn turned"]  # turned: y^T = W x^T

# Below this many multiplications a product takes microseconds, and timing it would tell nothing. It also
# keeps runs of small models independent of the timing, hence repeatable to the bit.
SMALLEST = 2**22
_MOST_ROWS = 512  # the calibration's own cost is bounded; more of them do not change which is faster
_FEW_ROWS = 64  # with more, turning the result back takes what the turned product saves
_ROUNDS = 6
_SECONDS = 0.05  # a quick product is timed for so long, as something else may hold the machine for six of its rounds
_MARGIN = 1.03  # what is faster by less may be so by chance, and plain products are the safer choice
_PIECE = 2**20  # numbers

_KINDS: tuple[Kind, ...] = ("forward", "input", "weight")
_forced: ContextVar[Backend] = ContextVar("backend of the products", default="auto")
_chosen: dict[tuple[object, ...], Way] = {}


@contextmanager
def backend(name: Backend) -> Iterator[None]:
    """Use one backend for every product begun inside, instead of the calibrated choice.

    Raises:
        ValueError: for a backend that this PyTorch does not have.
    """
    if name == "onednn" and not onednn_available():
        raise ValueError("this build of PyTorch has no usable mkldnn::_linear_pointwise; use backend 'plain'")
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


@cache
def onednn_available() -> bool:
    """Whether the private operator exists and multiplies float32 rightly, strides and one row included."""
    if not torch._C._has_mkldnn:
        return False
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            for rows in (1, 5):
                for kind in _KINDS:
                    a, b = _factors(kind, torch.randn(rows, 24), torch.randn(40, 24), torch.randn(rows, 40))
                    right = multiply(kind, a.double(), b.double(), "plain")
                    for way in _ways(kind, onednn=True):
                        if not torch.allclose(multiply(kind, a, b, way).double(), right, rtol=1e-5, atol=1e-5):
                            return False
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        return False
    return True


def choose(rows: int, w_END: Tensor, dtype: torch.dtype) -> dict[Kind, Way]:
    """How to do each kind of product in `dtype` for `rows` rows and weights like each expert's in `w_END`.

    The choice is made once per process for each number of threads, weight shape and power of two of rows,
    and then kept, so that a graph sees one backend.
    """
    forced = _forced.get()
    if forced == "plain" or w_END.device.type != "cpu" or dtype not in (torch.float32, torch.bfloat16):
        return dict.fromkeys(_KINDS, "plain")
    onednn = dtype == torch.float32 and onednn_available()
    if forced == "onednn":
        return dict.fromkeys(_KINDS, "onednn" if onednn else "plain")
    E, n, d = w_END.shape
    if rows * n * d < SMALLEST:
        return dict.fromkeys(_KINDS, "plain")
    bucket = min(1 << (rows - 1).bit_length(), _MOST_ROWS)
    chosen: dict[Kind, Way] = {}
    for kind in _KINDS:
        ways = _ways(kind, onednn=onednn)
        if bucket > _FEW_ROWS:
            ways = tuple(way for way in ways if not way.endswith("turned"))
        key = (kind, ways, bucket, E, n, d, dtype, torch.get_num_threads())
        if key not in _chosen:
            _chosen[key] = ways[0] if len(ways) == 1 else _fastest(kind, ways, bucket, w_END, dtype)
        chosen[kind] = _chosen[key]
    return chosen


def _ways(kind: Kind, *, onednn: bool) -> tuple[Way, ...]:
    # A gradient turned round would read the weights, or write them, against their order in memory.
    plain: tuple[Way, ...] = ("plain", "plain turned") if kind == "forward" else ("plain",)
    fast: tuple[Way, ...] = ("onednn", "onednn turned") if kind == "forward" else ("onednn",)
    return plain + fast if onednn else plain


@torch.no_grad()
def _fastest(kind: Kind, ways: tuple[Way, ...], rows: int, w_END: Tensor, dtype: torch.dtype) -> Way:
    """Time the ways in turn; the least of the rounds, as noise only adds.

    Every product meets other weights, for a layer does not find its weights in the cache either.
    """
    E, n, d = w_END.shape
    if kind == "weight":
        n = min(n, _MOST_ROWS)
    x_RD, g_RN = (torch.full((rows, width), 0.5, dtype=dtype) for width in (d, n))
    out = torch.empty({"forward": (rows, n), "input": (rows, d), "weight": (n, d)}[kind], dtype=dtype)
    least = dict.fromkeys(ways, float("inf"))
    number, begun = 0, time.perf_counter()
    while number < _ROUNDS or time.perf_counter() - begun < _SECONDS:
        for place, way in enumerate(ways):
            a, b = _factors(kind, x_RD, w_END[(number * len(ways) + place) % E].to(dtype), g_RN)
            start = time.perf_counter()
            multiply(kind, a, b, way, out)
            least[way] = min(least[way], time.perf_counter() - start)
        number += 1
    return min(least, key=lambda way: least[way] * (1 if way == "plain" else _MARGIN))


def _factors(kind: Kind, x_RD: Tensor, w_ND: Tensor, g_RN: Tensor) -> tuple[Tensor, Tensor]:
    return {"forward": (x_RD, w_ND), "input": (g_RN, w_ND), "weight": (g_RN, x_RD)}[kind]


def multiply(kind: Kind, a: Tensor, b: Tensor, way: Way, out: Tensor | None = None) -> Tensor:
    """One product of `kind`: forward x_RD, w_ND -> [R, N]; input g_RN, w_ND -> [R, D]; weight g_RN, x_RD -> [N, D].

    `out`, if given, takes the result, in its own dtype.
    """
    x, w = {"forward": (a, b.t()), "input": (a, b), "weight": (a.t(), b)}[kind]
    if way == "plain" and (out is None or out.dtype == x.dtype):
        return torch.mm(x, w, out=out)
    if way.endswith("turned"):
        product = torch.mm(w.t(), x.t()).t() if way == "plain turned" else _onednn(w.t(), x.t()).t()
        return product.contiguous() if out is None else out.copy_(product)
    if out is None:
        return _onednn(x, w)
    # In pieces, so that what is copied to `out` is small and still in the cache. The rows of a layer are few
    # already; those of a gradient of weights are as many as the layer is wide.
    piece = max(_PIECE // w.shape[1], 1)
    for rows_out, rows in zip(torch.split(out, piece), torch.split(x, piece), strict=True):
        rows_out.copy_(rows @ w if way == "plain" else _onednn(rows, w))
    return out


def _onednn(x: Tensor, w: Tensor) -> Tensor:
    # The operator computes x W^T. oneDNN reads the second operand with its strides; only the first is copied
    # where it is not contiguous.
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, w.t(), None, "none", [], "")
    return product

"""Speed and memory of the fast dispatch beside transformers' experts and beside the bare matrix products.

All ratios come from one run: the methods take turns in every round, another one first each time, so that a machine
that slows down does so for all and none always follows the same one, and the medians are compared. A ratio above 1
means that ours is faster, or needs less memory. The routing is random and given; no router is timed.
"""

import ctypes
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from reference_impls.core import dispatch_gemm as gemm
from reference_impls.core.dispatch import dispatch_sorted
from reference_impls.core.experts import SwiGLUExperts
from reference_impls.core.routing import SparseRouting

THREADS = 2


@dataclass(frozen=True)
class Shape:
    """Tokens, width of the model, width of an expert, experts, experts per token."""

    tokens: int
    d_model: int
    d_expert: int
    n_experts: int
    per_token: int


SHAPES = {
    "A": Shape(2048, 512, 2048, 8, 2),
    "B": Shape(4096, 512, 256, 64, 8),
    "C": Shape(512, 1024, 3584, 8, 2),
    "D": Shape(64, 1024, 3584, 8, 2),
}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PEERS = ("grouped_mm", "eager")  # transformers' names for its experts implementations on CPU


@dataclass(frozen=True)
class Row:
    """One shape in one dtype: medians in milliseconds, ratios, and growth of resident memory in MiB.

    Attributes:
        forward_ms: by method: `ours`, `grouped_mm`, `eager`, and `gemms`, the products alone.
        both_ms: forward and backward, by method.
        forward_ratio: the best peer's time over ours.
        both_ratio: the same, forward and backward.
        gemms_ratio: time of the products alone over our forward.
        ceiling: the best peer's forward over the products alone: what no dispatch with these products can exceed.
        peak_mib: peak growth during one forward and backward in a fresh process; none where the system
            cannot tell.
        peak_ratio: grouped_mm's peak over ours; above 1 we need less.
    """

    shape: str
    dtype: str
    forward_ms: dict[str, float]
    both_ms: dict[str, float]
    forward_ratio: float
    both_ratio: float
    gemms_ratio: float
    ceiling: float
    peak_mib: dict[str, float] | None
    peak_ratio: float | None


class MissingPeerError(Exception):
    """The library to compare with is not installed."""


@dataclass(frozen=True)
class _Case:
    """One layer's inputs, the same for every method."""

    x_TD: Tensor
    index_TK: Tensor
    weight_TK: Tensor
    bank: SwiGLUExperts

    @property
    def leaves(self) -> list[Tensor]:
        return [self.x_TD, self.weight_TK, *self.bank.parameters()]


def _make_case(shape: Shape, dtype: torch.dtype) -> _Case:
    torch.manual_seed(0)
    bank = SwiGLUExperts(shape.n_experts, shape.d_model, shape.d_expert).to(dtype)
    x_TD = torch.randn(shape.tokens, shape.d_model).to(dtype).requires_grad_()
    logit_TK, index_TK = torch.randn(shape.tokens, shape.n_experts).topk(shape.per_token)
    return _Case(x_TD, index_TK, logit_TK.softmax(-1).to(dtype).requires_grad_(), bank)


def _ours(case: _Case) -> Callable[[], Tensor]:
    T, K = case.index_TK.shape
    expert_A, token_A = case.index_TK.reshape(-1), torch.arange(T).repeat_interleave(K)
    load_E = torch.bincount(expert_A, minlength=case.bank.n_experts)

    def run() -> Tensor:
        weight_A = case.weight_TK.reshape(-1)
        routing = SparseRouting(
            token_A=token_A, expert_A=expert_A, weight_A=weight_A, load_E=load_E, entropy=torch.zeros(()), n_tokens=T
        )
        return dispatch_sorted(case.x_TD, routing, case.bank)

    return run


def _peer(case: _Case, implementation: str) -> Callable[[], Tensor]:
    try:
        from transformers import MixtralConfig
        from transformers.models.mixtral.modeling_mixtral import MixtralExperts
    except ImportError as error:
        raise MissingPeerError(f"bench-layer compares with transformers 5: {error}") from error
    config = MixtralConfig(
        hidden_size=case.bank.d_model,
        intermediate_size=case.bank.d_expert,
        num_local_experts=case.bank.n_experts,
        num_experts_per_tok=case.index_TK.shape[1],
    )
    config._experts_implementation = implementation
    with torch.device("meta"):
        experts: nn.Module = MixtralExperts(config)
    # The same tensors, so that memory and gradients are comparable.
    experts.gate_up_proj, experts.down_proj = case.bank.w_in_EID, case.bank.w_out_EDF
    return lambda: experts(case.x_TD, case.index_TK, case.weight_TK)


def _gemms(case: _Case) -> Callable[[], None]:
    """The forward products of every expert on rows that are already gathered, nothing else."""
    count_E = torch.bincount(case.index_TK.reshape(-1), minlength=case.bank.n_experts).tolist()
    x_E = [case.x_TD.detach()[:1].repeat(count, 1) for count in count_E]
    hidden_E = [x.new_ones(len(x), case.bank.d_expert) for x in x_E]
    rows = -(-sum(count_E) // max(sum(map(bool, count_E)), 1))
    w_in_E, w_out_E = case.bank.w_in_EID.detach().unbind(0), case.bank.w_out_EDF.detach().unbind(0)
    way_in, way_out = (
        gemm.choose(rows, w_ENM.detach(), case.x_TD.dtype)["forward"]
        for w_ENM in (case.bank.w_in_EID, case.bank.w_out_EDF)
    )

    def run() -> None:
        for x_RD, hidden_RF, w_in_ID, w_out_DF in zip(x_E, hidden_E, w_in_E, w_out_E, strict=True):
            if len(x_RD):
                gemm.multiply("forward", x_RD, w_in_ID, way_in)
                gemm.multiply("forward", hidden_RF, w_out_DF, way_out)

    return run


def _method(case: _Case, name: str) -> Callable[[], Tensor]:
    return _ours(case) if name == "ours" else _peer(case, name)


def _both(case: _Case, run: Callable[[], Tensor], direction_TD: Tensor) -> None:
    for leaf in case.leaves:
        leaf.grad = None
    torch.autograd.backward(run(), direction_TD)


def _interleaved(methods: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each; one round that is not counted comes first.

    One thread is timed by the processor time it takes, which suffers little from what else a machine does.
    Several wait for each other by turning in a loop, so that only the clock on the wall can tell.
    """
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in methods}
    order = list(methods)
    for number in range(rounds + 1):
        for name in order:
            start = clock()
            methods[name]()
            if number:
                times[name].append((clock() - start) * 1e3)
        order.append(order.pop(0))
    return {name: median(values) for name, values in times.items()}


def _peak(name: str, shape: Shape, dtype: str, threads: int) -> float | None:
    """Growth of this process's resident memory at its peak, MiB; meant for a fresh process."""
    torch.set_num_threads(threads)
    # What is taken once in a process is no step's doing: a layer of a few numbers pays for the first use of
    # libraries, and the products are calibrated, for the peer too, which then has the library's memory as well.
    small = _make_case(Shape(8, 8, 8, 2, 1), DTYPES[dtype])
    _both(small, _method(small, name), torch.ones_like(small.x_TD))
    case = _make_case(shape, DTYPES[dtype])
    _gemms(case)
    run, direction_TD = _method(case, name), torch.ones_like(case.x_TD)
    try:
        # glibc: give back what drawing the weights has freed, or growth up to its size would not show.
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the peak so far
        before = _status_kib("VmRSS")
        _both(case, run, direction_TD)
        return (_status_kib("VmHWM") - before) / 1024
    except (OSError, AttributeError, TypeError):  # another system, another C library
        return None


def _status_kib(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))


def measure(name: str, shape: Shape, dtype: str, rounds: int, *, memory: bool = True) -> Row:
    """Measure one shape in one dtype, in this process, memory in fresh ones.

    Raises:
        MissingPeerError: without transformers.
    """
    threads = torch.get_num_threads()
    case = _make_case(shape, DTYPES[dtype])
    runs = {method: _method(case, method) for method in ("ours", *PEERS)}
    with torch.no_grad():
        forward_ms = _interleaved({**runs, "gemms": _gemms(case)}, rounds)
    direction_TD = torch.ones_like(case.x_TD)
    both_ms = _interleaved(
        {method: lambda run=run: _both(case, run, direction_TD) for method, run in runs.items()},  # type: ignore[misc]
        rounds,
    )
    peaks: dict[str, float] = {}
    if memory:
        context = multiprocessing.get_context("spawn")
        for method in ("ours", "grouped_mm"):
            with context.Pool(1) as pool:
                peak = pool.apply(_peak, (method, shape, dtype, threads))
            if peak is not None:
                peaks[method] = peak
    best_peer_ms = min(forward_ms[peer] for peer in PEERS)
    return Row(
        shape=name,
        dtype=dtype,
        forward_ms=forward_ms,
        both_ms=both_ms,
        forward_ratio=best_peer_ms / forward_ms["ours"],
        both_ratio=min(both_ms[peer] for peer in PEERS) / both_ms["ours"],
        gemms_ratio=forward_ms["gemms"] / forward_ms["ours"],
        ceiling=best_peer_ms / forward_ms["gemms"],
        peak_mib=peaks or None,
        peak_ratio=peaks["grouped_mm"] / peaks["ours"] if len(peaks) == 2 else None,
    )


HEADER = (
    "shape  dtype     forward ms: ours grouped_mm    eager    gemms |  both ms: ours grouped_mm    eager |"
    " best peer / ours: forward ceiling   both | gemms / ours | peak grouped_mm / ours"
)


def as_line(row: Row) -> str:
    """One line under `HEADER`; the last five columns are the ratios, above 1 in our favour."""
    forward = "{ours:>16.1f} {grouped_mm:>10.1f} {eager:>8.1f} {gemms:>8.1f}".format(**row.forward_ms)
    both = "{ours:>14.1f} {grouped_mm:>10.1f} {eager:>8.1f}".format(**row.both_ms)
    memory = "-" if row.peak_ratio is None else f"{row.peak_ratio:.2f}x"
    ratios = f"{row.forward_ratio:>25.2f}x {row.ceiling:>6.2f}x {row.both_ratio:>5.2f}x"
    ratios += f" | {row.gemms_ratio:>11.2f}x | {memory:>22}"
    return f"{row.shape:<5}  {row.dtype:<8} {forward} | {both} | {ratios}"


def run(names: Sequence[str], rounds: int, *, as_json: bool, threads: int = THREADS) -> None:
    """Measure and print, float32 and bfloat16; on one thread in processor time.

    Raises:
        MissingPeerError: without transformers.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        if not as_json:
            print(f"torch {torch.__version__}, {threads} threads, medians of {rounds} interleaved rounds")
            print(HEADER)
        rows = []
        for dtype in DTYPES:
            for name in names:
                rows.append(measure(name, SHAPES[name], dtype, rounds))
                if not as_json:
                    print(as_line(rows[-1]), flush=True)
        if not as_json and hasattr(os, "getloadavg"):
            print(f"load at the end {os.getloadavg()[0]:.1f}: other work distorts the times of more than one thread")
        if as_json:
            print(json.dumps([asdict(row) for row in rows], indent=2))
    finally:
        torch.set_num_threads(before)

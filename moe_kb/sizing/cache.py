"""What is kept of a sequence while it is decoded: a slope per token, windows that fill up, and a fixed state.

In numbers; in bytes, keys and values are in the reader's precision and constant states in 16 bits. Buffers of less than
a compression block are left out. Symbols: G key-value heads, d widths, r_kv rank of keys and values, N width of a
state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import singledispatch

from moe_kb.records.architecture import Architecture
from moe_kb.records.sublayers import (
    Attention,
    AttentionExperts,
    CompressedAttention,
    Indexer,
    LatentAttention,
    LinearAttention,
    ShortConvolution,
    StateSpace,
    Sublayer,
)
from moe_kb.sizing.parameters import inner_width, written

STATE_BYTES = 2
"""Of a number of a recurrent state or of a convolution's inputs, which a format of the KV cache does not reach."""
#: Formats of the KV cache: bytes of a number, and what they are called. Scales of fp8 are not counted.
CACHE_FORMATS: dict[str, tuple[int, str]] = {"bf16": (2, "16-bit"), "fp8": (1, "8-bit (fp8)")}


@dataclass(frozen=True)
class Cache:
    """Numbers kept for one sequence.

    Attributes:
        per_token: for every token, however long the sequence.
        windows: for the last so many tokens each: window and numbers a token.
        fixed: however long the sequence: recurrent states and the inputs of short convolutions.
        per_source_token: for every token of the encoder's sequence (cross-attention).
        picked: of `per_token`, what a decoded token reads of the tokens that an indexer picks only: how many tokens
            those are, and numbers a token.
    """

    per_token: Fraction
    windows: Mapping[int, int]
    fixed: int
    per_source_token: int
    picked: Mapping[int, Fraction] = field(default_factory=dict)

    def numbers(self, tokens: int, source_tokens: int = 0) -> Fraction:
        """Numbers kept after `tokens` tokens (and `source_tokens` of an encoder)."""
        windowed = sum(min(window, tokens) * each for window, each in self.windows.items())
        return self.per_token * tokens + windowed + self.fixed + self.per_source_token * source_tokens

    def read(self, tokens: int, source_tokens: int = 0) -> Fraction:
        """Numbers that the last of `tokens` tokens reads: all that are kept, but of what is picked only the picked."""
        passed_over = sum(max(tokens - most, 0) * each for most, each in self.picked.items())
        return self.numbers(tokens, source_tokens) - passed_over

    def bytes(self, tokens: int, bytes_per_number: float = 2, source_tokens: int = 0) -> float:
        """Bytes of what is kept: constant states in 16 bits, all else in `bytes_per_number`."""
        return self._in_bytes(self.numbers(tokens, source_tokens), bytes_per_number)

    def bytes_read(self, tokens: int, bytes_per_number: float = 2, source_tokens: int = 0) -> float:
        """Bytes of what the last of `tokens` tokens reads."""
        return self._in_bytes(self.read(tokens, source_tokens), bytes_per_number)

    def _in_bytes(self, numbers: Fraction, bytes_per_number: float) -> float:
        return float(numbers - self.fixed) * bytes_per_number + self.fixed * STATE_BYTES


@dataclass(frozen=True)
class _Kept:
    """What one sublayer keeps; a window of none is the whole sequence."""

    per_token: Fraction = Fraction()
    window: int | None = None
    in_window: int = 0
    fixed: int = 0
    per_source_token: int = 0
    picks: int | None = None
    picked: Fraction = Fraction()


def cache(architecture: Architecture, counts: Callable[[Sublayer], bool] = lambda sublayer: True) -> Cache:
    """The cache of `architecture`; an encoder keeps nothing, as it sees its sequence once.

    Args:
        architecture: the layers.
        counts: whether a sublayer is meant; all are, unless given.
    """
    per_token, fixed, per_source_token = Fraction(), 0, 0
    windows: defaultdict[int, int] = defaultdict(int)
    picked: defaultdict[int, Fraction] = defaultdict(Fraction)
    for name, stack in architecture.stacks.items():
        if name == "encoder":
            continue
        for times, sublayer, _ in written(stack.groups, 1, name):
            if not counts(sublayer):
                continue
            kept = _kept(sublayer, architecture.d_model or 0)
            per_token += times * kept.per_token
            fixed += times * kept.fixed
            per_source_token += times * kept.per_source_token
            if kept.window is not None:
                windows[kept.window] += times * kept.in_window
            if kept.picks is not None:
                picked[kept.picks] += times * kept.picked
    return Cache(per_token, dict(sorted(windows.items())), fixed, per_source_token, dict(sorted(picked.items())))


@singledispatch
def _kept(sublayer: Sublayer, D: int) -> _Kept:
    return _Kept()


def _index_key(indexer: Indexer | None) -> int:
    return 0 if indexer is None or indexer.takes_over_choice else indexer.d_head


@_kept.register
def _(sublayer: Attention, D: int) -> _Kept:
    """G (d + d_v): keys and values, which are kept apart even where one projection makes both; an indexer's key."""
    d = sublayer.d_head or 0
    heads = 0 if sublayer.shares_kv_with_previous else sublayer.n_kv_heads or sublayer.n_heads
    each = heads * (d + (sublayer.d_value or d))
    index = _index_key(sublayer.indexer)
    if sublayer.cross:
        return _Kept(per_source_token=each)
    if sublayer.window is not None:
        return _Kept(window=sublayer.window, in_window=each + index)
    picks = sublayer.indexer.top_k if sublayer.indexer else None
    return _Kept(per_token=Fraction(each + index), picks=picks, picked=Fraction(each))


@_kept.register
def _(sublayer: LatentAttention, D: int) -> _Kept:
    """r_kv + d_rope for all heads together; an indexer's key."""
    each, indexer = sublayer.kv_rank + sublayer.d_rope, sublayer.indexer
    if sublayer.window is not None:
        return _Kept(window=sublayer.window, in_window=each + _index_key(indexer))
    if indexer is None:
        return _Kept(per_token=Fraction(each))
    return _Kept(per_token=Fraction(each + _index_key(indexer)), picks=indexer.top_k, picked=Fraction(each))


@_kept.register
def _(sublayer: CompressedAttention, D: int) -> _Kept:
    """d for each token of the window, d (and an indexer's key) for each entry: every `ratio` tokens."""
    d, ratio, indexer = sublayer.d_head, sublayer.ratio, sublayer.indexer
    slope = Fraction(d + _index_key(indexer), ratio) if ratio else Fraction()
    if indexer is None or not ratio:
        return _Kept(per_token=slope, window=sublayer.window, in_window=d)
    most = indexer.top_k * ratio
    return _Kept(slope, sublayer.window, d, picks=most, picked=Fraction(d, ratio))


@_kept.register
def _(sublayer: AttentionExperts, D: int) -> _Kept:
    """2 G d, shared by the experts."""
    return _Kept(per_token=Fraction(2 * sublayer.n_kv_heads * sublayer.d_head))


@_kept.register
def _(sublayer: StateSpace, D: int) -> _Kept:
    """The state, N for each channel, and what the convolution still needs of the tokens before."""
    inner, N = inner_width(sublayer, D), sublayer.d_state or 0
    convolved = inner + (2 * (sublayer.n_groups or 0) * N if sublayer.kind == "mamba2" else 0)
    return _Kept(fixed=inner * N + ((sublayer.d_conv or 1) - 1) * convolved)


@_kept.register
def _(sublayer: LinearAttention, D: int) -> _Kept:
    """The state, H d_k d_v, and what the convolutions of queries, keys and values still need."""
    H, d_k, d_v = sublayer.n_heads or 0, sublayer.d_key or 0, sublayer.d_value or 0
    convolved = 2 * (sublayer.n_key_heads or H) * d_k + H * d_v
    return _Kept(fixed=H * d_k * d_v + ((sublayer.d_conv or 1) - 1) * convolved)


@_kept.register
def _(sublayer: ShortConvolution, D: int) -> _Kept:
    """The inputs that the kernel still needs."""
    return _Kept(fixed=(sublayer.d_conv - 1) * D)

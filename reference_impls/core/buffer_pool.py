"""Memory for large tensors of one step, such as the gradients of stacked expert weights, used again in the next.

Such gradients are hundreds of megabytes, and `zero_grad` gives them back to the system after every step. To
have them handed out anew, page by page, each cleared first, takes longer than the products themselves where
an expert has few rows. So the last buffer of each use is kept as long as its owner lives, and used again once
no tensor refers to it. Memory that somebody still holds is never touched. The price is that it stays taken
between the steps.
"""

import mmap
import sys
from collections.abc import Sequence
from contextlib import suppress
from math import prod
from threading import Lock
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

SMALLEST = 2**20  # bytes; smaller memory comes from the heap, which keeps its pages anyway

_kept: WeakKeyDictionary[object, dict[str, mmap.mmap]] = WeakKeyDictionary()
_lock = Lock()


def empty(owner: object, name: str, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
    """As `torch.empty`, contiguous, for the use that `owner` calls `name`."""
    size = prod(shape) * dtype.itemsize
    if device.type != "cpu" or size < SMALLEST or not hasattr(mmap, "MAP_PRIVATE"):
        return torch.empty(shape, dtype=dtype, device=device)
    with _lock:
        of_owner = _kept.setdefault(owner, {})
        if name not in of_owner or len(of_owner[name]) != size or not _is_free(of_owner, name):
            of_owner[name] = _new(size)
        # The tensor's storage holds a reference to the buffer for as long as any tensor uses the storage.
        return torch.frombuffer(of_owner[name], dtype=dtype).view(*shape)


def _new(size: int) -> mmap.mmap:
    buffer = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):  # Linux: fewer and larger pages; a kernel without them refuses
        with suppress(OSError):
            buffer.madvise(mmap.MADV_HUGEPAGE)
    return buffer


def _references(buffers: dict[str, mmap.mmap], name: str) -> int:
    return sys.getrefcount(buffers[name])


def _is_free(buffers: dict[str, mmap.mmap], name: str) -> bool:
    # How many references asking takes differs between versions of Python, so a buffer in no use is asked too.
    return _references(buffers, name) == _references({"": mmap.mmap(-1, 1)}, "")

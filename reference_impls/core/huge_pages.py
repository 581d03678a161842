"""Memory for large results, on huge pages where the system grants them on request."""

import ctypes
import mmap
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

_SMALLEST = 2**22  # bytes; smaller memory comes from the heap, whose pages are there already


def empty(shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
    """As `torch.empty`, contiguous; on Linux large memory is asked to be of huge pages.

    Gradients of stacked expert weights are hundreds of megabytes that are new in every step. The system
    hands out new memory page by page as it is first written, and with pages of 4 KiB this takes longer than
    the products themselves where an expert has few rows. It is a request: refused, all works as before.
    """
    tensor = torch.empty(shape, dtype=dtype, device=device)
    if device.type == "cpu" and tensor.nbytes >= _SMALLEST:
        _advise(tensor.data_ptr(), tensor.nbytes)
    return tensor


def _advise(address: int, size: int) -> None:
    advice, madvise = getattr(mmap, "MADV_HUGEPAGE", None), _madvise()
    if advice is not None and madvise is not None:
        first = -(-address // mmap.PAGESIZE) * mmap.PAGESIZE  # whole pages of our own memory only
        last = (address + size) // mmap.PAGESIZE * mmap.PAGESIZE
        madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), ctypes.c_int(advice))


@cache
def _madvise() -> "ctypes._NamedFuncPointer | None":
    """The C library's function, which `mmap` offers only for memory of its own."""
    try:
        return ctypes.CDLL(None).madvise
    except (OSError, AttributeError, TypeError):  # another system
        return None

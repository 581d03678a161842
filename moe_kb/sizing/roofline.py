"""Whether arithmetic or memory limits a piece of work on a device, and how many devices hold it.

The roofline model (Williams, Waterman and Patterson 2009, doi 10.1145/1498765.1498785): work of W operations that moves
Q bytes between memory and the arithmetic units takes, on a device of peak P operations/s and bandwidth B bytes/s,

    arithmetic intensity   I = W / Q                operations per byte
    ridge point            I* = P / B               operations per byte
    attainable rate        R = min(P, B * I)        operations/s
    least time             T = max(W / P, Q / B)    seconds

W / R = T. Both parts are taken to overlap perfectly and to reach their peaks, so T is a bound from below and no
forecast. Units are the caller's care: operations are FLOPs where the peak is in FLOP/s, and a multiplication with
addition is two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

#: Share of a device's memory that is kept free unless one is stated: none, which is the most that can be claimed.
NOTHING_RESERVED = Fraction(0)


@dataclass(frozen=True, slots=True)
class Roofline:
    """What limits a piece of work on a device."""

    intensity: float
    """Operations per byte moved; infinite where nothing is moved."""
    ridge: float
    """Operations per byte at which arithmetic and memory take the same time."""
    bound: Literal["compute", "memory"]
    """What takes longer; `compute` where both take the same time."""
    attainable: float
    """Operations/s that the device can reach on this work."""
    seconds: float
    """Least time, seconds."""


def arithmetic_intensity(operations: float, moved: float) -> float:
    """Operations per byte, I = W / Q.

    Args:
        operations: W, at least 0.
        moved: Q, bytes read and written, at least 0.

    Returns:
        Infinity where operations are done and nothing is moved, 0 where there is neither.

    Raises:
        ValueError: A negative or not finite amount.
    """
    _amounts(operations=operations, moved=moved)
    if moved == 0:
        return math.inf if operations else 0.0
    return operations / moved


def ridge_point(peak: float, bandwidth: float) -> float:
    """Operations per byte from which on a device is limited by its arithmetic, I* = P / B.

    Args:
        peak: P, operations/s, above 0.
        bandwidth: B, bytes/s, above 0.

    Raises:
        ValueError: A rate that is not above 0, or not finite.
    """
    _rates(peak=peak, bandwidth=bandwidth)
    return peak / bandwidth


def roofline(operations: float, moved: float, peak: float, bandwidth: float) -> Roofline:
    """Place work of W operations and Q bytes under the roof of a device (formulas at the top of this module).

    Args:
        operations: W, at least 0.
        moved: Q, bytes, at least 0.
        peak: P, operations/s, above 0.
        bandwidth: B, bytes/s, above 0.

    Raises:
        ValueError: A negative amount, or a rate that is not above 0.
    """
    intensity = arithmetic_intensity(operations, moved)
    ridge = ridge_point(peak, bandwidth)
    # In fractions: as floats, work exactly at the ridge would fall on either side of it.
    compute, memory = Fraction(operations) / Fraction(peak), Fraction(moved) / Fraction(bandwidth)
    return Roofline(
        intensity=intensity,
        ridge=ridge,
        bound="compute" if compute >= memory else "memory",
        attainable=float(peak) if compute >= memory else min(peak, bandwidth * intensity),
        seconds=float(max(compute, memory)),
    )


def fewest_devices(needed: int, capacity: int, reserved: Fraction = NOTHING_RESERVED) -> int:
    """Fewest equal devices whose memory together holds some bytes.

    n = max(1, ceil(needed / (capacity * (1 - reserved)))).

    It is taken that the bytes can be divided as finely as needed and that nothing is stored twice, so a real placement
    may need more.

    Args:
        needed: Bytes to hold, at least 0.
        capacity: Bytes of one device, above 0.
        reserved: Share of every device kept free, at least 0 and below 1, e.g. `Fraction(10, 100)`.

    Raises:
        ValueError: An argument out of its range.
    """
    _amounts(needed=needed)
    _rates(capacity=capacity)
    share = Fraction(reserved)
    if not 0 <= share < 1:
        raise ValueError(f"`reserved` must be at least 0 and below 1, not {reserved}")
    return max(1, math.ceil(needed / (capacity * (1 - share))))


def _amounts(**named: float) -> None:
    for name, value in named.items():
        if not (value >= 0 and math.isfinite(value)):
            raise ValueError(f"`{name}` must be a number of at least 0, not {value}")


def _rates(**named: float) -> None:
    for name, value in named.items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"`{name}` must be a number above 0, not {value}")

"""Places for names beside points, so that they cover as few points, lines and other names as can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

#: Size of the plot and of its letters, roughly, in pixels.
_PLOT = (980.0, 400.0)
_LETTER, _LINE = 6.3, 14.0
_PLACES = {
    "top center": (-0.5, 0.3),
    "bottom center": (-0.5, -1.3),
    "middle right": (0.0, -0.5),
    "middle left": (-1.0, -0.5),
    "top right": (0.0, 0.3),
    "bottom right": (0.0, -1.3),
    "top left": (-1.0, 0.3),
    "bottom left": (-1.0, -1.3),
}


def places(
    xs: Sequence[float],
    ys: Sequence[float],
    names: Sequence[str],
    line: Sequence[tuple[float, float]] = (),
    *,
    log_x: bool = False,
    log_y: bool = False,
) -> list[str]:
    """For each point the first of Plotly's text positions at which its name covers the fewest points and names.

    Args:
        xs: Where the points stand; above zero on a logarithmic axis.
        ys: The same upwards.
        names: Their names; an empty one covers nothing.
        line: Corners of a line among the points whose pieces run level or upright.
        log_x: Whether the axis is logarithmic.
        log_y: The same for the other.
    """
    all_xs, all_ys = [*xs, *(x for x, _ in line)], [*ys, *(y for _, y in line)]
    across = _pixels([math.log10(x) for x in all_xs] if log_x else all_xs, _PLOT[0])
    upwards = _pixels([math.log10(y) for y in all_ys] if log_y else all_ys, _PLOT[1])
    together = list(zip(across, upwards, strict=True))
    points, corners = together[: len(xs)], together[len(xs) :]
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    taken += [(min(a, c) - 2, min(b, d) - 2, max(a, c) + 2, max(b, d) + 2) for (a, b), (c, d) in pairwise(corners)]
    out = []
    for name, (x, y) in zip(names, points, strict=True):
        boxes = {place: _box(x, y, len(name) * _LETTER, *shift) for place, shift in _PLACES.items()}
        best = min(boxes, key=lambda place: sum(_overlap(boxes[place], box) for box in taken))
        taken.append(boxes[best])
        out.append(best)
    return out


def _pixels(values: Sequence[float], size: float) -> list[float]:
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    return [size * (value - low) / (high - low) if high > low else size / 2 for value in values]


def _box(x: float, y: float, width: float, along: float, up: float) -> tuple[float, float, float, float]:
    left = x + along * width + (9 if along == 0 else -9 if along == -1 else 0)
    bottom = y + up * _LINE + (4 if up > 0 else -4 if up < -1 else 0)
    return left, bottom, left + width, bottom + _LINE


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0

"""Marks that would hide one another, set apart by the least that makes all of them visible."""

from __future__ import annotations

from collections.abc import Sequence

#: Steps tried, nearest first: within a column, and in all directions.
_UP_AND_DOWN = [(0, 0), *((0, sign * n) for n in range(1, 7) for sign in (1, -1))]
_AROUND = sorted(
    ((across, up) for across in range(-4, 5) for up in range(-4, 5)),
    key=lambda step: (step[0] ** 2 + step[1] ** 2, abs(step[1]), -step[0], -step[1]),
)


def apart(
    points: Sequence[tuple[float, float]], step: tuple[float, float], *, around: bool = False, most: int = 6
) -> list[tuple[float, float]]:
    """Points moved by whole steps so that no two are nearer than a step in both directions, where that can be done.

    Args:
        points: Where the marks belong, in the units of the axes (logarithms on logarithmic ones).
        step: Width and height of a mark in those units.
        around: Whether marks may move sideways too; without it they keep their first coordinate.
        most: Most steps in one direction; a mark that finds no place stays where it belongs.
    """
    tries = [(i, j) for i, j in (_AROUND if around else _UP_AND_DOWN) if max(abs(i), abs(j)) <= most]
    out = list(points)
    placed: list[tuple[float, float]] = []
    for number in sorted(range(len(points)), key=lambda number: (points[number], number)):
        x, y = points[number]
        for i, j in tries:
            at = (x + i * step[0], y + j * step[1])
            if all(abs(at[0] - a) >= 0.95 * step[0] or abs(at[1] - b) >= 0.95 * step[1] for a, b in placed):
                break
        else:
            at = (x, y)
        out[number] = at
        placed.append(at)
    return out

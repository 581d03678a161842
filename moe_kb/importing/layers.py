"""Layers written one by one, as groups that repeat."""

from __future__ import annotations

from typing import Any

LONGEST_PATTERN = 32


def compress(layers: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Groups that write out to `layers`: at each place the pattern that covers most, the shortest of these."""
    groups: list[dict[str, Any]] = []
    start = 0
    while start < len(layers):
        length, repeat = _pattern(layers, start)
        group: dict[str, Any] = {"repeat": repeat} if repeat > 1 else {}
        if length == 1:
            group["sublayers"] = layers[start]
        else:
            group["groups"] = compress(layers[start : start + length])
        groups.append(group)
        start += length * repeat
    return groups


def _pattern(layers: list[list[dict[str, Any]]], start: int) -> tuple[int, int]:
    """Length and repeats of the pattern that begins at `start`."""
    runs = _repeats(layers, start, 1)
    best = (1, runs)
    for length in range(2, min(LONGEST_PATTERN, (len(layers) - start) // 2) + 1):
        repeat = _repeats(layers, start, length)
        if (
            repeat > 1
            and length * repeat > best[0] * best[1]
            and any(layers[start + i] != layers[start] for i in range(length))
        ):
            best = (length, repeat)
    return best


def _repeats(layers: list[list[dict[str, Any]]], start: int, length: int) -> int:
    pattern, count = layers[start : start + length], 1
    while layers[start + count * length : start + (count + 1) * length] == pattern:
        count += 1
    return count

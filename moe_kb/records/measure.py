"""Quantities with their units, as makers' sheets print them: "989.4 TFLOPS", "3.35 TB/s", "95 GiB", "1600 Gbps"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Unit = Literal["operations/s", "bytes", "bytes/s"]

#: At most 30 digits on each side, commas only between thousands; a magnitude in words or as a prefix; a unit.
_MEASURE = re.compile(
    r"((?:\d{1,3}(?:,\d{3}){1,9}|\d{1,30})(?:\.\d{1,30})?)\s*"
    r"(?:(kilo|mega|giga|tera|peta|[kKMGTP])(i)?)?"
    r"(FLOPS|FLOPs|flops|FLOP/s|OPS|OPs|OP/s|F|B/s|B/sec|Bps|bytes/s|b/s|bps|bit/s|B|bytes)",
    re.ASCII,
)
_POWER = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_OPERATIONS = frozenset({"FLOPS", "FLOPs", "flops", "FLOP/s", "OPS", "OPs", "OP/s", "F"})
_BYTES = frozenset({"B", "bytes"})
_BITS_PER_SECOND = frozenset({"b/s", "bps", "bit/s"})


@dataclass(frozen=True, slots=True)
class Measure:
    """A printed quantity in whole units: operations per second, bytes, or bytes per second."""

    value: int
    unit: Unit
    last_digit: Decimal
    """Size of one step in the last printed place, in the same unit: 1e11 operations/s for "989.4 TFLOPS"."""


def parse_measure(printed: str) -> Measure | None:
    """Read a printed quantity; None where the text is none, or is no whole number of units.

    Decimal prefixes are powers of 1000 and binary ones (Ki, Mi, ...) of 1024, as they are printed. Small b is a bit,
    so "1600 Gbps" is 2e11 bytes/s; "TOPS" and "TFLOPS" are both operations per second.

    >>> parse_measure("3.35 TB/s")
    Measure(value=3350000000000, unit='bytes/s', last_digit=Decimal('10000000000.00'))
    >>> parse_measure("95 GiB").value
    102005473280
    """
    match = _MEASURE.fullmatch(printed.strip())
    if not match:
        return None
    digits, prefix, binary, unit = match.groups()
    number = Decimal(digits.replace(",", ""))
    scale = Decimal(1024 if binary else 1000) ** (_POWER[prefix[0].lower()] if prefix else 0)
    if unit in _BITS_PER_SECOND:
        scale /= 8
    exponent = number.as_tuple().exponent
    value = number * scale
    if value != value.to_integral_value():
        return None
    kind: Unit = "operations/s" if unit in _OPERATIONS else "bytes" if unit in _BYTES else "bytes/s"
    return Measure(int(value), kind, scale * (Decimal(10) ** exponent if isinstance(exponent, int) else 1))

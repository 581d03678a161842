"""Numbers as sources print them: "47B", "1.1K", "70.6", "4*d_model"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

_SUFFIX = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
#: At most 30 digits, commas only between thousands: "8,16" is two numbers.
_NUMBER = re.compile(
    r"~?\s*([-+]?(?:\d{1,3}(?:,\d{3}){1,9}|\d{1,30})(?:\.\d{1,30})?)\s*([kmbt]?)\s*\+?", re.IGNORECASE | re.ASCII
)
_EXPRESSION = re.compile(r"(?:(\d{1,9})\s*(?:/\s*(\d{1,9}))?\s*\*\s*)?([a-z][a-z0-9_]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A printed number: its value and the unit of its last printed digit."""

    value: float
    last_digit: float
    """Size of one step in the last printed place: 1e9 for "47B", 0.1 for "70.6"."""

    @property
    def exact(self) -> bool:
        """Whether it is a whole number printed to the last unit."""
        return self.last_digit == 1 and float(self.value).is_integer()


def parse_quantity(printed: str) -> Quantity | None:
    """Read a printed number; None where the text is no single number (a range, a word, an expression).

    >>> parse_quantity("47B")
    Quantity(value=47000000000, last_digit=1000000000.0)
    >>> parse_quantity("32-64") is None
    True
    """
    match = _NUMBER.fullmatch(printed.strip())
    if not match:
        return None
    digits, suffix = match.group(1).replace(",", ""), match.group(2).lower()
    number = Decimal(digits)
    exponent = number.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) else 0
    value = number * _SUFFIX[suffix]
    whole = value == value.to_integral_value()
    return Quantity(int(value) if whole else float(value), _SUFFIX[suffix] / 10**places)


def evaluate(printed: str, values: Mapping[str, float | int]) -> int | None:
    """Evaluate a printed size such as `d_ffn`, `4*d_model` or `1/4*d_ffn` over the other values of its row.

    Returns:
        The whole number, or None where the text is no such expression, a name is unknown or the result is not whole.
    """
    match = _EXPRESSION.fullmatch(printed.strip())
    if not match or match.group(3) not in values:
        return None
    numerator, denominator = int(match.group(1) or 1), int(match.group(2) or 1)
    total = numerator * values[match.group(3)]
    if denominator == 0 or total % denominator:
        return None
    return int(total // denominator)

"""When two claims agree.

A printed figure may have been rounded or cut off: "37B" agrees with 36.6e9 (rounded) and with 37,552,282,624 (cut).
So a printed number with last digit u stands for everything from value - u/2 up to, not including, value + u.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

from moe_kb.claims.claim import Claim
from moe_kb.claims.quantity import parse_quantity
from moe_kb.records.dates import span
from moe_kb.records.measure import parse_measure

#: Fields whose values are compared; names, titles and venues are written in too many right ways to be compared.
DATES = frozenset({"date", "released"})
_ASPECTS = {f"optimises_{aspect}" for aspect in ("computation", "communication", "storage")}
WORDS = frozenset({"activation", "openness", "tied_embeddings", *_ASPECTS})


def comparable(left: Claim, right: Claim) -> bool:
    """Whether two claims about one field speak of the same thing."""
    return (
        (left.setting or "") == (right.setting or "")
        and (left.unit is None or right.unit is None or left.unit == right.unit)
        and (left.scope is None or right.scope is None or left.scope == right.scope)
        and (left.counting is None or right.counting is None or left.counting == right.counting)
        and (left.field in DATES or left.field in WORDS or (left.number is not None and right.number is not None))
    )


def agree(left: Claim, right: Claim) -> bool:
    """Whether two comparable claims agree, within the precision each source prints."""
    if left.field in DATES:
        return _dates_overlap(left.text, right.text)
    if left.number is not None and right.number is not None:
        # In fractions: as floats, 1.1 + 0.1 is more than 1.2.
        (coarse, step), (fine, _) = sorted((_exact(left), _exact(right)), key=lambda pair: pair[1], reverse=True)
        return coarse == fine or -step / 2 <= fine - coarse < step
    return _plain(left.text) == _plain(right.text)


def stands_for(claim: Claim) -> tuple[Fraction, Fraction]:
    """The values a numeric claim stands for: the least, and the one that is too large."""
    value, step = _exact(claim)
    return value - step / 2, value + step


def _exact(claim: Claim) -> tuple[Fraction, Fraction]:
    """The value and the size of its last digit: as printed, else as far as the number is written out."""
    if claim.printed:
        quantity = parse_quantity(claim.printed)
        # A percentage printed as 45.0 may be stored with another unit; only trust the print if it is the value.
        if quantity is not None and quantity.value == claim.number:
            return Fraction(str(quantity.value)), Fraction(str(quantity.last_digit))
        measure = parse_measure(claim.printed)
        if measure is not None and measure.value == claim.number:
            return Fraction(measure.value), Fraction(measure.last_digit)
    value = Decimal(claim.text)
    exponent = value.as_tuple().exponent
    return Fraction(value), Fraction(10) ** min(exponent, 0) if isinstance(exponent, int) else Fraction(1)


def _plain(text: str) -> str:
    return re.sub(r"[^0-9a-z]+", "", text.casefold())


def _dates_overlap(left: str, right: str) -> bool:
    a, b = span(left), span(right)
    return a[0] <= b[1] and b[0] <= a[1]

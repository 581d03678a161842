"""Which layers hold experts, where a table prints their placement: `1/2`, `1, except first 3 layers`."""

from __future__ import annotations

import re
from fractions import Fraction

_EXCEPT = re.compile(r"except (?:the )?(?:first (\d+) layers|1st layer)")


def layers_with_experts(printed: str, layers: int) -> int | None:
    """How many layers hold experts; None where the text does not say.

    >>> layers_with_experts("1/2", 24), layers_with_experts("1, except first 3 layers", 61)
    (12, 58)
    """
    placement = _parsed(printed)
    # In 27 layers every fourth makes 6: the pattern starts anew after the last whole period.
    return None if placement is None else int((layers - placement[1]) * placement[0])


def share_with_experts(printed: str, layers: int | None) -> Fraction | None:
    """Which part of the layers holds experts; without their number only where no layer is excepted.

    >>> share_with_experts("1/4, add extra FFN", 27), share_with_experts("1/2", None)
    (Fraction(2, 9), Fraction(1, 2))
    """
    placement = _parsed(printed)
    if placement is None:
        return None
    if layers:
        return Fraction(layers_with_experts(printed, layers) or 0, layers)
    return None if placement[1] else placement[0]


def _parsed(printed: str) -> tuple[Fraction, int] | None:
    """The share of layers that hold experts and how many at the bottom are excepted; None for any other text."""
    share, _, rest = printed.partition(",")
    try:
        fraction = Fraction(share.strip())
    except (ValueError, ZeroDivisionError):
        return None
    match = _EXCEPT.fullmatch(rest.strip())
    if fraction > 1 or (match is None and "except" in rest):
        return None
    return fraction, int(match[1] or 1) if match else 0

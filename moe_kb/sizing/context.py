"""How far the mixers of an architecture look, written once for operations and for memory."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Phase = Literal["prefill", "decode"]


@dataclass(frozen=True)
class Context:
    """Tokens, and what is done with them.

    Attributes:
        tokens: L, tokens of the sequence.
        phase: `decode` takes the last of L tokens, `prefill` all L at once; told is their mean.
    """

    tokens: int
    phase: Phase

    def seen(self, most: int | None = None, *, both_sides: bool = False) -> Fraction:
        """Tokens that one token looks at: itself and those before it, or all L if `both_sides`; no more than `most`."""
        L, w = self.tokens, self.tokens if most is None else min(most, self.tokens)
        if self.phase == "decode" or both_sides:
            return Fraction(w)
        # Token t sees min(t, w): 1 + 2 + ... + w, then w for the rest.
        return Fraction(w * (w + 1) // 2 + (L - w) * w, L)

"""What proves each implementation: a check measures one thing and says what it may be at most (or at least).

`common` holds what every design is asked; a module with the name of a design's gating module holds what that
design alone is asked: `checks(entry) -> Iterator[Check]`, against an independent library where there is
one, or against a plain loop in float64 written from the equations.
"""

from reference_impls.checks.check import Check, at_least, at_most, close, same

__all__ = ["Check", "at_least", "at_most", "close", "same"]

"""What proves a design: a check measures one thing and says what it may be at most (or at least).

`properties` holds what every design is asked; `naive` plain loops in float64 and `libraries` comparison with other
people's code, for what a design's own `checks.py` asks of it alone; `suite` runs all of it.
"""

from reference_impls.verify.check import Check, at_least, at_most, close, same

__all__ = ["Check", "at_least", "at_most", "close", "same"]

"""What a configuration costs, computed from its layers alone: parameters, operations, memory, traffic.

Nothing is looked up, read or guessed: what an architecture leaves unsaid is named, and no number comes back.
"""

from moe_kb.sizing.parameters import Parameters, Share, UnsizedError, count

__all__ = ["Parameters", "Share", "UnsizedError", "count"]

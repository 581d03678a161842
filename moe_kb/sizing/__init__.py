"""What a configuration costs, computed from its layers alone: parameters, operations, memory, traffic.

Nothing is looked up, read or guessed: what an architecture leaves unsaid is named, and no number comes back.
"""

from moe_kb.sizing.parameters import Parameters, Share, UnsizedError, count
from moe_kb.sizing.report import Device, Setting, Size, size

__all__ = ["Device", "Parameters", "Setting", "Share", "Size", "UnsizedError", "count", "size"]

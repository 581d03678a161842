"""moe-kb: a queryable, sourced survey of Mixture-of-Experts.

>>> import moe_kb
>>> kb = moe_kb.open()
>>> kb.paper("gshard").title
'GShard: Scaling Giant Models with Conditional Computation and Automatic Sharding'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moe_kb.kb import KnowledgeBase
    from moe_kb.kb import open_kb as open

__all__ = ["KnowledgeBase", "open"]


def __getattr__(name: str) -> Any:
    # Lazy, so that `moe-kb --help` does not pay for pydantic and the record types.
    if name == "open":
        from moe_kb.kb import open_kb

        return open_kb
    if name == "KnowledgeBase":
        from moe_kb.kb import KnowledgeBase

        return KnowledgeBase
    raise AttributeError(f"module 'moe_kb' has no attribute {name!r}")

"""Claims: every value with its source, which of them agree, and which is shown first."""

from moe_kb.claims.agreement import agree
from moe_kb.claims.claim import Claim
from moe_kb.claims.expand import expand
from moe_kb.claims.quantity import Quantity, parse_quantity
from moe_kb.claims.resolve import Dispute, resolve

__all__ = ["Claim", "Dispute", "Quantity", "agree", "expand", "parse_quantity", "resolve"]

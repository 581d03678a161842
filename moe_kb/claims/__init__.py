"""Claims: every value with its source, which of them agree, and which is shown first."""

from moe_kb.claims.agreement import agree
from moe_kb.claims.expand import expand
from moe_kb.claims.quantity import Quantity, parse_quantity
from moe_kb.claims.resolve import Dispute, resolve
from moe_kb.claims.statement import Statement

__all__ = ["Dispute", "Quantity", "Statement", "agree", "expand", "parse_quantity", "resolve"]

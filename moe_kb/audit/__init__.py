"""The audit: rules that look for doubts about the records. A finding never fails a check or a build."""

from moe_kb.audit.finding import Acknowledged, Finding
from moe_kb.audit.rules import FAMILIES, RULES, run

__all__ = ["FAMILIES", "RULES", "Acknowledged", "Finding", "run"]

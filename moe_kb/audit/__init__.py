"""The audit: rules that look for doubts about the records. An issue never fails a check or a build."""

from moe_kb.audit.issue import Issue, Waived
from moe_kb.audit.rules import FAMILIES, RULES, run

__all__ = ["FAMILIES", "RULES", "Issue", "Waived", "run"]

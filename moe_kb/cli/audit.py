"""What `moe-kb audit` prints: findings by family and rule, and the page about the tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from moe_kb.audit.finding import Finding
from moe_kb.audit.rules import FAMILIES, explanation


def as_text(findings: Sequence[Finding]) -> str:
    """Findings under the headings of their families and rules, with their numbers."""
    lines: list[str] = []
    for family, of_family in groupby(findings, key=lambda finding: finding.family):
        group = list(of_family)
        lines += ["", f"{FAMILIES[family][0]} ({len(group)})"]
        for rule, of_rule in groupby(group, key=lambda finding: finding.rule):
            same = list(of_rule)
            lines += ["", f"  {rule} ({len(same)}): {explanation(rule)}"]
            for finding in same:
                lines.append(f"    {about(finding)}: {finding.message}")
                if finding.acknowledged:
                    lines.append(f"        acknowledged: {finding.acknowledged.text}")
    return "\n".join(lines[1:])


def about(finding: Finding) -> str:
    """Record, configuration and field in a few words."""
    words = [finding.subject, f"[{finding.part}]" if finding.part else "", finding.field or ""]
    return " ".join(word for word in words if word)

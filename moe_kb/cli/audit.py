"""What `moe-kb audit` prints: issues by family and rule, and the page about the tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from moe_kb import yamlio
from moe_kb.audit.issue import Issue
from moe_kb.audit.rules import FAMILIES, explanation
from moe_kb.corpus import WAIVERS


def as_text(issues: Sequence[Issue]) -> str:
    """Issues under the headings of their families and rules, with their numbers."""
    lines: list[str] = []
    for family, of_family in groupby(issues, key=lambda issue: issue.family):
        group = list(of_family)
        lines += ["", f"{FAMILIES[family][0]} ({len(group)})"]
        for rule, of_rule in groupby(group, key=lambda issue: issue.rule):
            same = list(of_rule)
            lines += ["", f"  {rule} ({len(same)}): {explanation(rule)}"]
            for issue in same:
                lines.append(f"    {issue.short_id}  {about(issue)}: {issue.message}")
                if issue.waived:
                    lines.append(f"              waived: {issue.waived.text}")
    return "\n".join(lines[1:])


def resolving(issue: Issue) -> str:
    """What to write where, for an issue that is no mistake."""
    if issue.family == "claims" and issue.field:
        about = {"field": issue.field, **({"configuration": issue.configuration} if issue.configuration else {})}
        note = {**_SEEN, **about, "prefer": "KEY OF THE SOURCE THAT IS RIGHT", "reason": "WHY"}
        lines = [f"Where one source is right, in the `resolutions` of {issue.subject}:", "", *_indented([note]), ""]
        lines += [f"Where none is, in {WAIVERS}, sorted by `issue`:", ""]
    else:
        lines = [f"In {WAIVERS}, sorted by `issue`:", ""]
    return "\n".join([*lines, *_indented([{**_SEEN, "issue": issue.id, "reason": "WHY"}])])


#: Where the reason was seen.
_SEEN = {"source": "KEY OF A SOURCE", "locator": "PLACE IN IT"}


def _indented(data: list[dict[str, str]]) -> list[str]:
    return [f"    {line}" for line in yamlio.dump(data).splitlines()]


def about(issue: Issue) -> str:
    """Record, configuration and field in a few words."""
    words = [issue.subject, f"[{issue.configuration}]" if issue.configuration else "", issue.field or ""]
    return " ".join(word for word in words if word)

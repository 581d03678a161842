"""The generated part of docs/audit.md: every rule, and what the rules found on the tables of surveys and lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from moe_kb.audit.finding import Finding
from moe_kb.audit.rules import FAMILIES, IDLE, RULES, explanation

if TYPE_CHECKING:
    from moe_kb.kb import KnowledgeBase

#: The page's hand-written part ends here.
MARK = "<!-- From here on written by `moe-kb audit --page docs/audit.md`. -->"


def written(page: str, kb: KnowledgeBase) -> str:
    """A page with what stands below its mark written anew; one without the mark gets it at its end."""
    return page.partition(MARK)[0] + markdown(kb)


def markdown(kb: KnowledgeBase) -> str:
    """The rules with their numbers, and the findings on what surveys and lists print, by source."""
    findings = kb.audit()
    lines = [MARK, "", "## Rules", "", *_rules(findings), "", "## Findings on surveys and lists"]
    printed = kb.rows(
        "SELECT key, name, title FROM sources WHERE type IN ('survey', 'list') ORDER BY type != 'survey', key"
    )
    seen: set[str] = set()
    for source in printed:
        on_it = [finding for finding in findings if finding.id not in seen and source["key"] in finding.cited]
        seen |= {finding.id for finding in on_it}
        if on_it:
            lines += ["", f"### {source['name']} ({len(on_it)})", "", f"{source['title']}.", "", *_table(on_it)]
    return "\n".join(lines) + "\n"


def _rules(findings: Sequence[Finding]) -> Iterator[str]:
    found = Counter(finding.rule for finding in findings)
    still_open = Counter(finding.rule for finding in findings if finding.open)
    yield "| rule | what it looks for | found | open |"
    yield "|---|---|---:|---:|"
    for family in FAMILIES:
        for rule in (*RULES, IDLE):
            if rule.partition("/")[0] == family:
                yield f"| `{rule}` | {explanation(rule)} | {found[rule]} | {still_open[rule]} |"
    yield f"| | | {len(findings)} | {sum(still_open.values())} |"


def _table(findings: Sequence[Finding]) -> Iterator[str]:
    yield "| record | rule | finding |"
    yield "|---|---|---|"
    for finding in findings:
        record = f"`{finding.subject}`" + (f" {_cell(finding.part)}" if finding.part else "")
        text = _cell(f"{finding.field}: {finding.message}" if finding.field else finding.message)
        if finding.acknowledged:
            text += f"<br>*Acknowledged: {_cell(finding.acknowledged.text)}*"
        yield f"| {record} | `{finding.rule}` | {text} |"


def _cell(text: str) -> str:
    """Text that stays in its cell and is not taken for markup."""
    for mark in "\\|*_<>[]`":
        text = text.replace(mark, f"\\{mark}")
    return text

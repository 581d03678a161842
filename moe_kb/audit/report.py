"""The generated part of docs/audit.md: every rule, and what the rules found on the tables of surveys and lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from moe_kb.audit.issue import Issue
from moe_kb.audit.rules import FAMILIES, IDLE, RULES, explanation
from moe_kb.queries.records import SourceBrief

#: Bytes that a page may have.
MAX_PAGE = 16_000_000
#: The page's hand-written part ends here.
MARK = "<!-- From here on written by `moe-kb audit --page docs/audit.md`. -->"


def written(page: str, issues: Sequence[Issue], sources: Iterable[SourceBrief]) -> str:
    """A page with what stands below its mark written anew; one without the mark gets it at its end.

    Below the mark: the rules with their numbers, and the issues on what surveys and lists print, by source.
    """
    lines = [MARK, "", "## Rules", "", *_rules(issues), "", "## Issues on surveys and lists"]
    printed = sorted(
        (source for source in sources if source.type in ("survey", "list")),
        key=lambda source: (source.type != "survey", source.key),
    )
    seen: set[str] = set()
    for source in printed:
        on_it = [issue for issue in issues if issue.id not in seen and source.key in issue.cited]
        seen |= {issue.id for issue in on_it}
        if on_it:
            lines += ["", f"### {source.name} ({len(on_it)})", "", f"{source.title}.", "", *_table(on_it)]
    return page.partition(MARK)[0] + "\n".join(lines) + "\n"


def _rules(issues: Sequence[Issue]) -> Iterator[str]:
    found = Counter(issue.rule for issue in issues)
    still_open = Counter(issue.rule for issue in issues if issue.open)
    yield "| rule | what it looks for | found | open |"
    yield "|---|---|---:|---:|"
    for family in FAMILIES:
        for rule in (*RULES, IDLE):
            if rule.partition("/")[0] == family:
                yield f"| `{rule}` | {explanation(rule)} | {found[rule]} | {still_open[rule]} |"
    yield f"| | | {len(issues)} | {sum(still_open.values())} |"


def _table(issues: Sequence[Issue]) -> Iterator[str]:
    yield "| id | record | rule | issue |"
    yield "|---|---|---|---|"
    for issue in issues:
        record = f"`{issue.subject}`" + (f" {_cell(issue.configuration)}" if issue.configuration else "")
        text = _cell(f"{issue.field}: {issue.message}" if issue.field else issue.message)
        if issue.waived:
            text += f"<br>*Waived: {_cell(issue.waived.text)}*"
        yield f"| `{issue.short_id}` | {record} | `{issue.rule}` | {text} |"


def _cell(text: str) -> str:
    """Text that stays in its cell and is not taken for markup."""
    for mark in "\\|*_<>[]`":
        text = text.replace(mark, f"\\{mark}")
    return text

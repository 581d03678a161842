"""What the audit says of a record: one line an issue, the waived ones muted."""

from __future__ import annotations

import streamlit as st

from moe_kb.audit.issue import Issue
from moe_kb.audit.rules import explanation
from moe_kb.kb import KnowledgeBase

from .base import cached, plain
from .links import source_text


def issues(kb: KnowledgeBase, record: str) -> None:
    """An expander with the issues that concern a record; nothing where there are none."""
    found = cached(KnowledgeBase.audit, kb, record)
    if not found:
        return
    still_open = sum(issue.open for issue in found)
    number = f"{len(found)} issue{'s' if len(found) > 1 else ''}"
    state = f"{still_open} open" if still_open else "all waived"
    with st.expander(f"Audit: {number}, {state}", icon=":material/balance:"):
        for issue in sorted(found, key=lambda issue: not issue.open):
            _line(kb, issue, record)


def _line(kb: KnowledgeBase, issue: Issue, record: str) -> None:
    where = " · ".join(filter(None, (issue.configuration, issue.field)))
    if issue.subject != record:
        where = f"{issue.subject} {where}"
    text = issue.message
    if issue.claims and issue.rule == "claims/differ":
        # Here each value stands with its source and a link to it.
        units = [f" {claim.unit}" if claim.unit else "" for claim in issue.claims]
        values = [
            f"{plain(claim.shown + unit)} ({source_text(kb, claim.source, claim.locator)})"
            for claim, unit in zip(issue.claims, units, strict=True)
        ]
        text = " ≠ ".join(values)
    else:
        text = plain(text)
    with st.container(gap=None):
        if issue.waived is None:
            st.markdown(f"**{plain(where)}** {text} :orange-badge[open] `{issue.short_id}`", help=_rule(issue))
            return
        st.markdown(f":gray[**{plain(where)}** {text}] :green-badge[waived] `{issue.short_id}`", help=_rule(issue))
        why = issue.waived
        st.caption(f"{plain(why.reason)} {source_text(kb, why.source, why.locator)}")


def _rule(issue: Issue) -> str:
    words = f"{plain(issue.rule)}: {plain(explanation(issue.rule))}"
    return f"{words} How to resolve or waive it: `moe-kb audit {issue.short_id}`"

"""What the audit found out about a record: one line a finding, the waived ones muted."""

from __future__ import annotations

import streamlit as st

from moe_kb.audit.issue import Issue
from moe_kb.audit.rules import explanation
from moe_kb.kb import KnowledgeBase

from .base import cached, plain
from .links import source_text


def findings(kb: KnowledgeBase, record: str) -> None:
    """An expander with the findings that concern a record; nothing where there are none."""
    found = [finding for finding in cached(KnowledgeBase.audit, kb) if finding.concerns(record)]
    if not found:
        return
    still_open = sum(finding.open for finding in found)
    number = f"{len(found)} finding{'s' if len(found) > 1 else ''}"
    state = f"{still_open} open" if still_open else "all waived"
    with st.expander(f"Audit: {number}, {state}", icon=":material/balance:"):
        for finding in sorted(found, key=lambda one: not one.open):
            _one(kb, finding, record)


def _one(kb: KnowledgeBase, finding: Issue, record: str) -> None:
    where = " · ".join(filter(None, (finding.configuration, finding.field)))
    if finding.subject != record:
        where = f"{finding.subject} {where}"
    text = finding.message
    if finding.claims and finding.rule == "claims/differ":
        # Here each value stands with its source and a link to it.
        units = [f" {claim.unit}" if claim.unit else "" for claim in finding.claims]
        values = [
            f"{plain(claim.shown + unit)} ({source_text(kb, claim.source, claim.locator)})"
            for claim, unit in zip(finding.claims, units, strict=True)
        ]
        text = " ≠ ".join(values)
    else:
        text = plain(text)
    with st.container(gap=None):
        if finding.waived is None:
            st.markdown(f"**{plain(where)}** {text} :orange-badge[open]", help=_rule(finding))
            return
        st.markdown(f":gray[**{plain(where)}** {text}] :green-badge[waived]", help=_rule(finding))
        why = finding.waived
        st.caption(f"{plain(why.reason)} {source_text(kb, why.source, why.locator)}")


def _rule(finding: Issue) -> str:
    return f"{plain(finding.rule)}: {plain(explanation(finding.rule))}"

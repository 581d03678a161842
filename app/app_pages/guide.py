"""Which router: a few questions, three candidates, and what the answers removed."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
import ui

from moe_kb.analysis.findings import caveats, findings
from moe_kb.analysis.guide import Advice, Candidate, Removal, risks
from moe_kb.analysis.in_short import in_short, subtitle
from moe_kb.kb import KnowledgeBase
from moe_kb.queries.designs import Gate, Implementation
from moe_kb.queries.guide import Rule

UNKNOWN = "Don't know"


def ask(kb: KnowledgeBase) -> dict[str, str]:
    """The questions; what is answered."""
    answers = {}
    with st.grid(2, min_column_width=330):
        for question in ui.cached(type(kb).guide, kb).questions:
            options = {"": UNKNOWN, **question.answers}
            answers[question.key] = ui.segmented(
                question.question, question.key, options, help=question.help, wrap=True
            )
    return {key: answer for key, answer in answers.items() if answer}


def why(kb: KnowledgeBase, rule: Rule) -> str:
    """Markdown of a rule's reason with its sources."""
    places = "; ".join(ui.source_text(kb, cite.source, cite.locator) for cite in rule.cites)
    return f"{ui.plain(rule.reason)} :gray[{places}]"


def show_candidate(kb: KnowledgeBase, number: int, candidate: Candidate, implementation: Implementation | None) -> None:
    """A candidate: picture, in short, why, use, evidence, risks, code."""
    gate = candidate.gate
    with st.container(border=True, gap="small"):
        st.subheader(f"{number}. {ui.plain(gate.name)}", anchor=False)
        st.caption(ui.plain(subtitle(gate.properties)))
        ui.picture(kb, gate.record, key=f"picture-{number}")
        st.markdown(ui.plain(in_short(gate.properties)))
        ui.record_link(gate.record, f"{gate.name}: equations and sources", icon=":material/arrow_forward:")
        if candidate.met:
            st.markdown("**Meets** " + "; ".join(ui.plain(rule.label) for rule in candidate.met) + ".")
        st.markdown("**Use**")
        ui.use(kb, gate)
        st.markdown("**Evidence**")
        if implementation:
            ui.evidence(kb, implementation, gate.name)
        else:
            st.caption("It has no implementation here.")
        if found := list(risks(candidate)):
            st.markdown("**Risks**\n" + "\n".join(f"- {ui.plain(risk)}" for risk in found))
        st.markdown("**Code**")
        if implementation:
            ui.snippet(implementation)
            ui.page_link("lab", "Run it", {"implementation": implementation.key})
        else:
            st.caption("It has no implementation here; its page has the equations.")


def caveat(kb: KnowledgeBase, keys: Sequence[str]) -> None:
    """What the comparisons that the candidates are in cannot show."""
    boards = {board.protocol.protocol: board for key in keys for board in ui.cached(type(kb).leaderboards, kb, key)}
    said = list(dict.fromkeys(text for board in boards.values() for text in caveats(board, findings(board))))
    if said:
        with st.container(border=True, gap="xsmall"):
            st.markdown("**What the evidence cannot show**")
            st.markdown("\n".join(f"- {ui.plain(text)}" for text in said))


def names(gates: Sequence[Gate]) -> str:
    """Markdown of links to designs."""
    return ", ".join(ui.record_text(gate.record, gate.name) for gate in gates)


def show_removal(kb: KnowledgeBase, removal: Removal) -> None:
    """A requirement, why, and whom it removed."""
    refused, unknown = len(removal.refused), len(removal.unknown)
    if not refused + unknown:
        return
    with st.expander(f"Required: {ui.plain(removal.rule.label)} ({refused} do not satisfy it, {unknown} not reported)"):
        st.markdown(why(kb, removal.rule))
        st.caption(f"{removal.alone} of these are removed by this requirement alone.")
        if removal.refused:
            st.markdown(f"**Do not satisfy it:** {names(removal.refused)}")
        if removal.unknown:
            st.markdown(f"**Not reported, so removed:** {names(removal.unknown)}")


def short_of(advice: Advice) -> None:
    """Where fewer than three are left: what stands in the way."""
    if advice.candidates:
        st.info("No other design is known to satisfy all of these answers.", icon=":material/info:")
    else:
        ui.empty("No design is known to satisfy all of these answers.", f"Answer one of them with “{UNKNOWN}”.")
    for removal in sorted(advice.removed, key=lambda removal: -removal.alone):
        if removal.alone and removal.rule.when:
            more = f"{removal.alone} more without: {removal.rule.label}."
            st.caption(ui.plain(more))


kb = ui.knowledge_base()
ui.header("Which router?", "Answer what you know. The address holds the answers, so the result can be sent.")
if not ui.cached(type(kb).guide, kb).questions:
    ui.empty("This tree has no guide.", "Add data/guide.yaml.")
    st.stop()
answers = ask(kb)
advice = kb.advise(answers)
for question in advice.silent:
    st.caption(ui.plain(f"{question.label}: no source at these rules favours a router for this answer."))

implementations = {
    candidate.gate.record: ui.cached(type(kb).implementation_of, kb, candidate.gate.record)
    for candidate in advice.candidates
}
keys = [implementation.key for implementation in implementations.values() if implementation]
with st.container(horizontal=True, vertical_alignment="center"):
    st.header("Candidates", anchor=False)
    if len(keys) > 1:
        label = "Run all three under one budget" if len(keys) == 3 else "Run both under one budget"
        ui.page_link("lab", label, {"compare": ui.listed(keys)})
    if len(advice.candidates) > 1:
        chosen = [candidate.gate.record.partition(":")[2] for candidate in advice.candidates]
        ui.page_link("compare", "Compare their properties", {"keys": ui.listed(chosen)})
with st.grid(3, min_column_width=330):
    for number, candidate in enumerate(advice.candidates, start=1):
        show_candidate(kb, number, candidate, implementations[candidate.gate.record])
if len(advice.candidates) < 3:
    short_of(advice)
caveat(kb, keys)
st.caption(
    "Designs are ordered by the preferences that they meet; then those that can be run here, those that recent models "
    "use, those that anyone uses, the newer ones."
)
if advice.others:
    with st.expander(f"{len(advice.others)} more designs satisfy the answers"):
        st.markdown(names([candidate.gate for candidate in advice.others]))
if advice.removed:
    st.header("What the answers removed", anchor=False)
    for removal in advice.removed:
        show_removal(kb, removal)
fired = [
    rule for rule in ui.cached(type(kb).guide, kb).rules if rule.fires(advice.answers) and rule.effect != "require"
]
if fired:
    st.header("What moves designs up or down", anchor=False)
    words = {"prefer": "Preferred", "avoid": "Better avoided"}
    st.markdown("\n".join(f"- **{words[rule.effect]}: {ui.plain(rule.label)}.** {why(kb, rule)}" for rule in fired))

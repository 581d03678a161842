"""A gating design in parts that pages share: in a sentence, who uses it, what its runs showed, its code."""

from __future__ import annotations

import streamlit as st

from moe_kb.kb import KnowledgeBase
from moe_kb.queries.designs import Gate, Implementation

from .base import cached, plain
from .links import address


def gate_of(kb: KnowledgeBase, record: str) -> Gate:
    """A gating design with its properties, by full name."""
    return next(gate for gate in cached(KnowledgeBase.gates, kb) if gate.record == record)


def use(kb: KnowledgeBase, gate: Gate) -> None:
    """How many recent models use it, with the way to the chart behind the number."""
    said = cached(KnowledgeBase.adoption, kb).text(gate.recent)
    st.markdown(f"{plain(said[0].upper() + said[1:])}. [Over time]({address('trends', {'measure': 'router'})})")


def evidence(kb: KnowledgeBase, implementation: Implementation, name: str) -> None:
    """Where the implementation of a design of this name stands in each comparison, with the places that the seeds leave
    open."""
    key, boards = implementation.key, cached(KnowledgeBase.leaderboards, kb, implementation.key)
    if implementation.name != name:
        st.caption(f"Runs here as {plain(implementation.name)}, which need not be the same in everything.")
    if not boards:
        st.caption("Not among the runs compared here.")
    for board in boards:
        standing = next(standing for standing in board.standings if standing.implementation == key)
        text = f"{board.protocol.task.capitalize()}: {board.text(key)}"
        if standing.places and standing.places[0] < standing.places[1]:
            text += f"; anywhere from place {standing.places[0]} to {standing.places[1]}"
        where = address("evidence", {"protocol": board.protocol.protocol, "loads": key})
        st.markdown(f"{plain(text)}. [See the comparison]({where})")


def snippet(implementation: Implementation) -> None:
    """Python to copy that makes its layer."""
    if implementation.snippet:
        st.code(implementation.snippet.strip(), language="python", wrap_lines=True)


def code(implementation: Implementation) -> None:
    """What to copy, and the implementation's own files."""
    snippet(implementation)
    for name, text in implementation.files:
        st.markdown(f"**{plain(name)}**")
        st.code(text, language="python", height=420)

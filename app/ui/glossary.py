"""Terms of the field where they occur: what a word means, with its source, as the text of a tooltip."""

from __future__ import annotations

from moe_kb.kb import KnowledgeBase
from moe_kb.queries.glossary import Term

from .base import cached, plain
from .links import address


def term(kb: KnowledgeBase, name: str, *, more: str = "") -> str | None:
    """Markdown of a tooltip for a heading, a column or a widget: the definition of a term and where it was read.

    Args:
        kb: The knowledge base.
        name: The term, or one of its short forms.
        more: Markdown that stands before it.

    Returns:
        The tooltip; `more` alone, or None, where the glossary lacks the term.
    """
    found = _named(kb, name)
    if found is None:
        return more or None
    link = f"[Glossary]({address('glossary', {'q': found.term})})"
    said = f"**{plain(found.term)}**: {plain(found.definition)} ({plain(found.place)}) {link}"
    return f"{more}  \n{said}" if more else said


def meaning(kb: KnowledgeBase, name: str) -> str:
    """The same as plain text, for the heading of a table's column; empty where the glossary lacks the term."""
    found = _named(kb, name)
    return f"{found.definition} ({found.place})" if found else ""


def _named(kb: KnowledgeBase, name: str) -> Term | None:
    return next((entry for entry in cached(KnowledgeBase.glossary, kb) if entry.is_called(name)), None)

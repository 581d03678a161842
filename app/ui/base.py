"""The knowledge base as the pages see it, and messages to the person."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import streamlit as st

import moe_kb
from moe_kb.kb import KnowledgeBase

from .kept import Opened, Results

T = TypeVar("T")


_open = Opened(moe_kb.open)
_results = Results(limit=128 * 2**20)


def knowledge_base() -> KnowledgeBase:
    """The knowledge base, refreshed when records changed."""
    return _open.get(os.environ.get("MOE_KB_ROOT"))


def cached(function: Callable[..., T], kb: KnowledgeBase, *arguments: Any, **options: Any) -> T:
    """`function(kb, *arguments, **options)`, remembered until the records change. Treat the result as read-only."""
    name = f"{function.__module__}.{function.__qualname__}"
    key = (name, kb.database, kb.content_hash, kb.meta["fingerprint"], arguments, tuple(options.items()))
    result: T = _results.get(key, lambda: function(kb, *arguments, **options))
    return result


#: Invisible, and no break for a line: keeps apart what Streamlit joins after Markdown's own signs were escaped.
_JOINER = "\u2060"
_JOINED = re.compile(
    r"(?<=https:)(?=//)|(?<=http:)(?=//)|(?<=www)(?=\.)"  # addresses become links
    r"|(?<=@)(?=[-\w])"  # so do those of mail
    r"|(?<=:)(?=[\w+-][\w+/-]*:)"  # :smile:, :material/home:
    r"|(?<=(?<!\S)[-<>~])(?=->(?!\S)|[->=-](?!\S))",  # -> and its like, standing alone
    re.IGNORECASE,
)


def plain(text: object) -> str:
    """Markdown that shows the text as it is.

    Nothing in it acts as markup, HTML, a formula, a directive, a link, an image, an emoji, an icon or an arrow. Signs
    of Markdown are escaped; a word joiner goes into what becomes something else although its signs are escaped.
    """
    out = _JOINED.sub(_JOINER, " ".join(str(text).split()))
    out = re.sub(r"([\\`*_{}\[\]<>#|~$&]|:(?=[A-Za-z]))", r"\\\1", out)
    return re.sub(r"^(\d*)([-+.)=])", r"\1\\\2", out)  # no list, rule or heading


def some(names: Sequence[str]) -> str:
    """Markdown of the first names of what may be many."""
    shown = ", ".join(plain(name[:80]) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5:,} more"


def empty(what: str, advice: str) -> None:
    """An empty state that says what to do."""
    st.info(f"**{plain(what)}** {plain(advice)}", icon=":material/search_off:")


def stale_banner() -> None:
    """Say so where the database is older than the records."""
    kb = knowledge_base()
    if kb.stale:
        built = (
            f"The database built {kb.meta['built'][:16].replace('T', ' ')} UTC answers: it is older than the records."
        )
        st.warning(built, icon=":material/history:")
        with st.expander("Why it could not be refreshed"):
            st.text(kb.stale)


def header(title: str, subtitle: str | None = None) -> None:
    """The page's title, in the page and in the browser's tab, and what it is in a line."""
    st.session_state["titled"] = True
    st.set_page_config(page_title=f"{title} · moe-kb")
    st.title(plain(title), anchor=False)
    if subtitle:
        st.caption(plain(subtitle))

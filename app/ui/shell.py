"""The bar on top of every page: menu, search, the way to what is shown, its neighbours, and a link to copy.

Its script (`shell.js`) also keeps the browser's history: one entry for each page and thing shown, whatever filters do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from moe_kb.errors import MoeKbError
from moe_kb.kb import KnowledgeBase
from moe_kb.settings import app_address

from .base import cached, knowledge_base
from .links import address, open_record, page, search_for

_HERE = Path(__file__).parent
_KEY = "shell"
_show = st.components.v2.component(
    "moe_kb_shell",
    css=(_HERE / "shell.css").read_text(encoding="utf-8"),
    js=(_HERE / "shell.js").read_text(encoding="utf-8"),
    isolate_styles=False,  # its styles are the page's, too
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A page of the app."""

    name: str
    """Its file, without the ending; with dashes for underscores, its address unless `at` is given."""
    title: str
    purpose: str = ""
    """What it is for, where the menu points at it."""
    menu: str = ""
    """The menu it stands in, or its own title; empty for pages that others lead to."""
    under: str | Callable[[], str] = ""
    """The page that leads to it, named before it."""
    at: str = ""
    """Its address, where that is not its file's name."""
    shows: tuple[str, ...] = ()
    """Parameters of the address that say what it shows: another value is another entry of the browser's history."""
    default: bool = False

    @property
    def path(self) -> str:
        """Its address."""
        return self.at or self.name.replace("_", "-")

    @property
    def parent(self) -> str:
        """The page that leads to it, by name."""
        return self.under if isinstance(self.under, str) else self.under()


#: Pages on which a record of this kind has neighbours in a list.
LISTED = ("paper", "design", "model")


def neighbours(kb: KnowledgeBase, record: str) -> tuple[str | None, str | None]:
    """The records before and after one in the list that the reader came from, or else by name."""
    kind = record.partition(":")[0]
    order: tuple[str, ...] = st.session_state.get("orders", {}).get(kind, ())
    if record not in order:
        order = cached(_by_name, kb, kind)
    if record not in order:
        return None, None
    at = order.index(record)
    return (order[at - 1] if at else None), (order[at + 1] if at + 1 < len(order) else None)


def _by_name(kb: KnowledgeBase, kind: str) -> tuple[str, ...]:
    return tuple(brief.record for brief in kb.briefs(kind))


def bar(pages: Mapping[str, Entry], here: Entry) -> None:
    """Draw the bar.

    Args:
        pages: Every page by name.
        here: The page that is shown.
    """
    parent = pages.get(here.parent)
    top = parent or here
    record, previous, after = _record(here)
    trail = []
    if parent:
        label = record["label"] if record else here.title
        trail = [_link(parent), {"label": label}]
    _show(
        key=_KEY,
        data={
            "menu": _menu(pages, top),
            "here": "" if here.default else here.path,
            "trail": trail,
            "previous": previous,
            "next": after,
            "names": list(here.shows),
            "query": urlencode({name: st.query_params.get_all(name) for name in st.query_params}, doseq=True),
            "q": st.query_params.get("q", "") if here.name == "search" else "",
            "base": app_address(),
        },
        on_go_change=partial(_go, pages),
        on_search_change=_search,
    )


def _menu(pages: Mapping[str, Entry], top: Entry) -> list[dict[str, Any]]:
    """Entries of the menu in their order; of several pages of one name, a list."""
    groups: dict[str, list[Entry]] = {}
    for entry in pages.values():
        if entry.menu:
            groups.setdefault(entry.menu, []).append(entry)
    return [
        {**_link(group[0]), "here": group[0] is top}
        if len(group) == 1 and group[0].title == label
        else {
            "label": label,
            "here": top in group,
            "items": [{**_link(entry), "here": entry is top} for entry in group],
        }
        for label, group in groups.items()
    ]


def _link(entry: Entry) -> dict[str, Any]:
    return {
        "label": entry.title,
        "page": entry.name,
        "href": "./" if entry.default else entry.path,
        "help": entry.purpose or None,
    }


def _record(here: Entry) -> tuple[dict[str, Any] | None, dict[str, Any] | None, dict[str, Any] | None]:
    """The record that a page shows, the one before it and the one after it, each as a link."""
    key = st.query_params.get("key", "")
    if here.name not in LISTED or not key:
        return None, None, None
    with suppress(MoeKbError):  # the page says what is wrong
        kb = knowledge_base()
        record = kb.resolve(key, here.name)
        before, after = neighbours(kb, record)
        return _shown(kb, record), _shown(kb, before), _shown(kb, after)
    return None, None, None


def _shown(kb: KnowledgeBase, record: str | None) -> dict[str, Any] | None:
    if record is None:
        return None
    brief = kb.brief(record)
    return {"label": brief.name, "record": record, "href": address(brief.kind, {"key": brief.key})}


def _go(pages: Mapping[str, Entry]) -> None:
    """Follow a link of the bar."""
    asked = st.session_state[_KEY].go
    if not isinstance(asked, Mapping):
        return
    if isinstance(record := asked.get("record"), str):
        open_record(record)
    elif (name := asked.get("page")) in pages:
        st.switch_page(page(str(name)))
    elif name == "":
        st.switch_page(page(next(entry.name for entry in pages.values() if entry.default)))


def _search() -> None:
    """Look for what was typed."""
    words = st.session_state[_KEY].search
    if isinstance(words, str):
        search_for(words)


def visited(here: Entry) -> bool:
    """Whether the page shows something else than in the run before: another page, or another record on it.

    A link from a page to itself changes what is shown, but not the address in the browser: then it is written.
    """
    shown = (here.name, tuple(tuple(st.query_params.get_all(name)) for name in here.shows))
    last: tuple[str, Sequence[tuple[str, ...]]] | None = st.session_state.get("visited")
    st.session_state["visited"] = shown
    if last and last != shown and last[0] == here.name:
        st.query_params.from_dict({name: st.query_params.get_all(name) for name in st.query_params})
    return last != shown

"""The bar on top of every page: menu, search, the way to what is shown, its neighbours, and a link to copy.

Its script (`shell.js`) also keeps the browser's history: one entry for each page and thing shown, whatever filters do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from .links import address, page, search_for

_HERE = Path(__file__).parent
_KEY = "shell"
_show = st.components.v2.component(
    "moe_kb_shell",
    css="\n".join((_HERE / name).read_text(encoding="utf-8") for name in ("shell.css", "legible.css")),
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


def _names(kb: KnowledgeBase, kind: str) -> dict[str, str]:
    """What each record of a kind is called, in the order of names."""
    return {brief.record: brief.name for brief in kb.briefs(kind)}


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
            "query": urlencode(
                {name: st.query_params.get_all(name) for name in st.query_params}, doseq=True, errors="replace"
            ),
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
    return {"label": entry.title, "href": "./" if entry.default else entry.path, "help": entry.purpose or None}


def _record(here: Entry) -> tuple[dict[str, Any] | None, ...]:
    """Links to the record that a page shows, and to those before and after it in the list that the reader came from.

    Without such a list, records follow each other by name.
    """
    kind, key = here.name, st.query_params.get("key", "")
    try:
        names = cached(_names, knowledge_base(), kind) if kind in LISTED and key else {}
    except MoeKbError:  # the page says what is wrong
        names = {}
    record = f"{kind}:{key.strip().lower().removeprefix(f'{kind}:')}"
    if record not in names:
        return None, None, None
    order: Sequence[str] = [name for name in st.session_state.get("orders", {}).get(kind, ()) if name in names]
    order = order if record in order else list(names)
    at = order.index(record)
    return tuple(
        {"label": names[order[i]], "href": address(kind, {"key": order[i].partition(":")[2]})}
        if 0 <= i < len(order)
        else None
        for i in (at, at - 1, at + 1)
    )


def _go(pages: Mapping[str, Entry]) -> None:
    """Follow a link to a page of the app."""
    match st.session_state[_KEY].go:
        case {"page": str(path), "query": list(query)}:
            names = [entry.name for entry in pages.values() if path == ("" if entry.default else entry.path)]
            asked: dict[str, list[str]] = {}
            for name, value in query:
                asked.setdefault(str(name), []).append(str(value))
            if names:
                st.switch_page(page(names[0]), query_params=asked)
            st.switch_page(page("missing"), query_params={"page": path})


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

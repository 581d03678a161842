"""Links: to pages and records of the app, out of it, to sources and to a record's file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from moe_kb.claims.claim import Claim
from moe_kb.errors import AmbiguousKeyError, MoeKbError, UnclearNameError
from moe_kb.format import citation
from moe_kb.kb import SELF, KnowledgeBase
from moe_kb.records import Record
from moe_kb.records.base import Citation
from moe_kb.settings import edit_address

from .address import parameter
from .base import cached, header, knowledge_base, plain

#: The page that shows a record of each kind, and the parameter of its address that names the record.
PLACES = {
    **{kind: (kind, "key") for kind in ("paper", "design", "model")},
    **dict.fromkeys(("system", "table"), ("systems", "key")),
    "node": ("taxonomy", "node"),
    "implementation": ("lab", "implementation"),
    "run": ("lab", "run"),
    "accelerator": ("size", "accelerator"),
    "author": ("author", "name"),
}
#: The page that answers a search, by name.
SEARCH = "search"


def page(name: str) -> str:
    """The page's file, for `st.page_link` and `st.switch_page`."""
    return f"app_pages/{name}.py"


def place_of(record: str) -> tuple[str, dict[str, str]] | None:
    """Page and query of a record or taxonomy node; None where no page shows it."""
    kind, _, key = record.partition(":")
    if kind == "taxonomy":  # its root is a node
        kind, key = "node", f"{key}:"
    if kind not in PLACES:
        return None
    name, parameter = PLACES[kind]
    return page(name), {parameter: key}


def open_record(record: str) -> None:
    """Go to a record's page. The address of this one, with its filters, stays where Back leads (see `shell.js`)."""
    place = place_of(record)
    if place:
        st.switch_page(place[0], query_params=place[1])


def in_order(records: Iterable[str]) -> None:
    """Remember a list as a page shows it: `Previous` and `Next` of its records follow it."""
    orders: dict[str, tuple[str, ...]] = st.session_state.setdefault("orders", {})
    order = tuple(dict.fromkeys(filter(None, records)))
    if order:
        orders[order[0].partition(":")[0]] = order


def search_for(words: str) -> None:
    """Go to what is found for these words."""
    st.switch_page(page(SEARCH), query_params={"q": words})


def address(name: str, query: Mapping[str, str | Sequence[str]]) -> str:
    """The address of a page of the app, for Markdown: relative, so that it holds under any base path."""
    return f"{name.replace('_', '-')}?{urlencode(query, doseq=True)}"


def record_address(record: str) -> str:
    """The relative address of a record's page; empty where no page shows it."""
    place = place_of(record)
    return address(Path(place[0]).stem, place[1]) if place else ""


def record_text(record: str | None, label: str) -> str:
    """Markdown of a link to a record's page, or plain text where it has none."""
    place = place_of(record) if record else None
    return f"[{plain(label)}]({address(Path(place[0]).stem, place[1])})" if place else plain(label)


def page_link(name: str, label: str, query: dict[str, str] | None = None) -> None:
    """A link to a page of the app."""
    st.page_link(page(name), label=label, icon=":material/arrow_forward:", query_params=query or None, help="")


def record_link(record: str, label: str, *, icon: str | None = None, help: str | None = None) -> None:
    """A link to a record's page, or plain text where it has none."""
    place = place_of(record)
    if place:
        st.page_link(place[0], label=plain(label), icon=icon, query_params=place[1], help=help or "")
    else:
        st.markdown(plain(label))


def is_web(url: str | None) -> bool:
    """Whether an address is http or https, the only schemes that become links."""
    return bool(url) and re.match(r"^https?://[^\s]+$", str(url), re.IGNORECASE) is not None


def outside(label: str, url: str | None) -> str:
    """Markdown of a link out of the app; plain text where the address is none."""
    if not is_web(url):
        return plain(label)
    safe = str(url).replace("(", "%28").replace(")", "%29").replace("<", "%3C").replace(">", "%3E")
    return f"[{plain(label)}]({safe})"


def edit_link(kb: KnowledgeBase, record: str) -> None:
    """A button to the record's file where a repository is set (see `moe_kb.settings`)."""
    address = edit_address(kb.path_of(record))
    if address:
        st.link_button("Edit this record", address, icon=":material/edit:", type="tertiary")


def asked(kb: KnowledgeBase, kind: str, index: str) -> str:
    """The full name of the record that the address asks for with `?key=`; otherwise the page ends with what is near."""
    key = parameter("key")
    if not key:
        header(kind.capitalize())
        st.info(f"No {kind} is chosen.", icon=":material/info:")
        st.page_link(page(index), label=f"Choose one among the {index}", icon=":material/arrow_back:")
        st.stop()
    try:
        return kb.resolve(key, kind)
    except UnclearNameError as error:
        header(f"No such {kind}")
        unclear(kb, error, f"No {kind} has the key", key)
        st.page_link(page(index), label=f"All {index}", icon=":material/arrow_back:")
        st.stop()


def unclear(kb: KnowledgeBase, error: UnclearNameError, said: str, name: str) -> None:
    """Say that a name leads to no one thing; links to what may have been meant, and a search for it."""
    st.error(f"{plain(said)} “{plain(name[:80])}”.", icon=":material/error:")
    if close := [record for record in error.close if place_of(record)][:8]:
        st.markdown("Did you mean:")
        nodes = cached(KnowledgeBase.node_labels, kb) if close[0].startswith("node:") else {}
        for record in close:
            record_link(record, nodes.get(record.removeprefix("node:")) or kb.brief(record).label)
    search_box(re.sub(r"[-_:/]+", " ", name)[:80].strip())


def search_box(words: str) -> None:
    """A box with words in it, which Enter searches for."""
    with st.form("search-instead", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input("Search for", words, icon=":material/search:", width=420)
        if st.form_submit_button("Search") and typed.strip():
            search_for(typed.strip())


def problem(error: MoeKbError) -> None:
    """Say what went wrong and how to fix it."""
    if not st.session_state.get("titled"):
        header("Not found" if isinstance(error, UnclearNameError) else "Something is wrong")
    if isinstance(error, UnclearNameError) and error.asked:
        several = isinstance(error, AmbiguousKeyError)
        unclear(knowledge_base(), error, "Several are called" if several else "Nothing is called", error.asked)
    else:
        st.error(plain(error), icon=":material/error:")


def source_text(kb: KnowledgeBase, source: str | None, locator: str | None = None) -> str:
    """Markdown naming a source, linked where it has an address, with the place in it."""
    if not source:
        return ""
    known = cached(KnowledgeBase.sources, kb).get(source)
    name = outside(known.name, known.url) if known else plain(source)
    if not locator:
        return name
    # A path in a narrow column breaks after its slashes and underscores instead of running out of the table.
    return f"{name}, " + re.sub(r"([/_])", "\\1\u200b", plain(locator))


def sourced(kb: KnowledgeBase, item: Any, *, note: str | None = None) -> str:
    """Markdown of what stands behind a claim: its note, its source, and whether it was derived."""
    derived = " (derived)" if item.status == "derived" else ""
    return (f"{plain(note)} · " if note else "") + source_text(kb, item.source, item.locator) + derived


def superseded(record: Record) -> None:
    """A link to the record that stands in this one's place, if there is one."""
    if record.superseded_by:
        kind, other = record.reference.partition(":")[0], record.superseded_by
        record_link(f"{kind}:{other}", f"Superseded by {other}", icon=":material/redo:")


def papers_line(kb: KnowledgeBase, papers: Iterable[str], record: str) -> None:
    """Links to papers by their keys, and the button to edit the record that names them."""
    names = {brief.key: brief.label for brief in cached(KnowledgeBase.briefs, kb, "paper")}
    with st.container(horizontal=True):
        for paper in papers:
            record_link(f"paper:{paper}", names.get(paper, paper), icon=":material/article:")
        edit_link(kb, record)


def source_name(kb: KnowledgeBase, source: str | None, locator: str | None = None) -> str:
    """A source and the place in it as plain text, for table cells."""
    known = cached(KnowledgeBase.sources, kb).get(source or "")
    return citation(known.name if known else source, locator)


def source_url(kb: KnowledgeBase, source: str | None) -> str | None:
    """A source's address, if it has a web one."""
    known = cached(KnowledgeBase.sources, kb).get(source or "")
    return known.url if known and is_web(known.url) else None


def cites(kb: KnowledgeBase, citations: Iterable[Citation]) -> None:
    """A line with the sources of what stands above."""
    places = [source_text(kb, citation.source, citation.locator) for citation in citations]
    if places:
        st.caption(("Source: " if len(places) == 1 else "Sources: ") + "; ".join(places))


def bibtex_box(kb: KnowledgeBase, record: str) -> None:
    """BibTeX to copy and to download."""
    entry = kb.cite([record])
    st.code(entry, language="latex", wrap_lines=True)
    st.download_button(
        "Download .bib",
        entry,
        file_name=f"{record.partition(':')[2]}.bib",
        mime="text/x-bibtex",
        icon=":material/download:",
        on_click="ignore",
    )


def bib_button(kb: KnowledgeBase, records: Sequence[str], name: str, *, what: str = "papers") -> None:
    """A button that downloads the BibTeX of many records, made when it is clicked."""
    number = len(records)
    label = f".bib of this {what.removesuffix('s')}" if number == 1 else f".bib of these {number:,} {what}"
    st.download_button(
        label,
        lambda: kb.cite(list(records)),
        file_name=f"{name}.bib",
        mime="text/x-bibtex",
        icon=":material/format_quote:",
        on_click="ignore",
        key=f"bib-{name}",
    )


def json_button(kb: KnowledgeBase, record: str) -> None:
    """A button that downloads a record with its relations, claims and issues as JSON."""
    st.download_button(
        "JSON of this record",
        lambda: kb.record_json(record),
        file_name=f"{record.replace(':', '-')}.json",
        mime="application/json",
        icon=":material/data_object:",
        on_click="ignore",
        key=f"json-{record}",
    )


def cite_value(kb: KnowledgeBase, claim: Claim) -> None:
    """A value as it is cited, to copy, and the entry of its source."""
    st.caption("To cite this value: its source, and the version of the data it was read from.")
    st.code(kb.cited_value(claim), language=None, wrap_lines=True)
    st.code(kb.cite([f"source:{claim.source}"]), language="latex", wrap_lines=True)


def cite_base(kb: KnowledgeBase) -> None:
    """How moe-kb itself is cited."""
    with st.popover("Cite moe-kb", icon=":material/format_quote:"):
        st.caption(f"Data {plain(kb.version)}. Please cite the source of every value, too.")
        st.code(kb.cite([SELF]), language="latex", wrap_lines=True)

"""What the pages share: the knowledge base, headings, links, tables of records, sources, claims, charts.

Record text never reaches the browser as markup: it passes `plain`, or goes into a table cell.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

import moe_kb
from moe_kb.claims.statement import Statement
from moe_kb.errors import MoeKbError, NotFoundError
from moe_kb.figures import around
from moe_kb.figures.designs import User
from moe_kb.kb import KnowledgeBase
from moe_kb.records.base import Citation
from moe_kb.settings import edit_address

T = TypeVar("T")

#: The page that shows a record of each kind. Systems and tables are shown on the systems page.
DETAIL = {"paper": "paper", "design": "design", "model": "model"}
KIND_COLOUR = {
    "paper": "blue", "design": "orange", "model": "green", "system": "violet", "source": "gray", "table": "gray",
}

# --- the knowledge base ----------------------------------------------------------------------------------------


@st.cache_resource(ttl=2, max_entries=4, show_spinner="Building the database …")
def _open(root: str | None) -> KnowledgeBase:
    return moe_kb.open()


def knowledge_base() -> KnowledgeBase:
    """The knowledge base, refreshed when records changed.

    Looking for changes costs milliseconds, so reruns within two seconds share one look.
    """
    return _open(os.environ.get("MOE_KB_ROOT"))


@st.cache_resource(max_entries=512, show_spinner=False)
def _cached(name: str, content: str, arguments: tuple[Any, ...], _make: Callable[[], Any]) -> Any:
    return _make()


def cached(function: Callable[..., T], kb: KnowledgeBase, *arguments: Any) -> T:
    """`function(kb, *arguments)`, remembered until the records change. Treat the result as read-only."""
    name = f"{function.__module__}.{function.__qualname__}"
    result: T = _cached(name, f"{kb.database}:{kb.content_hash}", arguments, lambda: function(kb, *arguments))
    return result


# --- messages --------------------------------------------------------------------------------------------------


def plain(text: object) -> str:
    """Text as it is: nothing in it acts as markdown, a link, an image, HTML, a formula or a directive."""
    out = re.sub(r"([\\`*_{}\[\]<>#|~$&]|:(?=[A-Za-z]))", r"\\\1", " ".join(str(text).split()))
    return re.sub(r"^(\d*)([-+.)=])", r"\1\\\2", out)  # no list, rule or heading


def problem(error: MoeKbError) -> None:
    """Say what went wrong and how to mend it."""
    st.error(plain(error), icon=":material/error:")
    if isinstance(error, NotFoundError):
        page_link("overview", "Back to the overview")


def stop(message: str) -> NoReturn:
    """End the page with a message."""
    st.info(message, icon=":material/info:")
    st.stop()


def empty(what: str, advice: str) -> None:
    """An empty state that says what to do."""
    st.info(f"**{plain(what)}** {plain(advice)}", icon=":material/search_off:")


def stale_banner() -> None:
    """Say so where the database is older than the records."""
    kb = knowledge_base()
    if kb.stale:
        st.warning(
            "The records have findings, so an earlier build of the database answers. Run `moe-kb check`.",
            icon=":material/history:",
        )
        with st.expander("Findings"):
            st.text(kb.stale)


def header(title: str, subtitle: str | None = None) -> None:
    """The page's title in a line."""
    st.title(plain(title), anchor=False)
    if subtitle:
        st.caption(plain(subtitle))


# --- links -----------------------------------------------------------------------------------------------------


def page(name: str) -> str:
    """The page's file, for `st.page_link` and `st.switch_page`."""
    return f"app_pages/{name}.py"


def place_of(record: str) -> tuple[str, dict[str, str]] | None:
    """Page and query of a record or taxonomy node; None where no page shows it."""
    kind, _, key = record.partition(":")
    if kind in DETAIL:
        return page(DETAIL[kind]), {"key": key}
    if kind == "node":
        return page("taxonomy"), {"node": key}
    if kind == "taxonomy":
        return page("taxonomy"), {"survey": key}
    if kind == "implementation":
        return page("lab"), {"implementation": key}
    if kind in ("system", "table"):
        return page("systems"), {"key": key}
    return None


def open_record(record: str) -> None:
    """Go to a record's page.

    The filters of this page stay in the address: Streamlit writes the new query before it changes the page, and the
    browser's way back leads over that entry, which without them would be this page with its filters lost.
    """
    place = place_of(record)
    if place and _exists(place[0]):
        kept = {name: st.query_params.get_all(name) for name in st.query_params if name in _addressed()}
        st.switch_page(place[0], query_params={**kept, **place[1]})


def page_link(name: str, label: str, query: dict[str, str] | None = None) -> None:
    """A link to a page of the app, or plain text where that page is not installed."""
    if _exists(page(name)):
        st.page_link(page(name), label=label, icon=":material/arrow_forward:", query_params=query or None, help="")
    else:
        st.caption(label)


def record_link(record: str, label: str, *, icon: str | None = None, help: str | None = None) -> None:
    """A link to a record's page, or plain text where it has none."""
    place = place_of(record)
    if place and _exists(place[0]):
        st.page_link(place[0], label=plain(label), icon=icon, query_params=place[1], help=help or "")
    else:
        st.markdown(plain(label))


def _exists(path: str) -> bool:
    return os.path.isfile(os.path.join(os.path.dirname(__file__), path))


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
    """The full name of the record that the address asks for with `?key=`; otherwise the page ends with a message."""
    key = st.query_params.get("key", "")
    if not key:
        st.info(f"No {kind} is chosen.", icon=":material/info:")
        st.page_link(page(index), label=f"Choose one among the {index}", icon=":material/arrow_back:")
        st.stop()
    return kb.resolve(key, kind)


# --- the address -----------------------------------------------------------------------------------------------
# Streamlit's own `bind` writes labels into the address, and its parameters cannot be carried over a change of page;
# these few lines write keys, which stay true when a label is reworded.


def _addressed() -> set[str]:
    """Parameters of the address that widgets of this page hold."""
    names: set[str] = st.session_state.setdefault("addressed", set())
    return names


def in_address(parameter: str, default: Any = None, options: Iterable[Any] | None = None) -> dict[str, Any]:
    """Arguments for a widget whose value is part of the address, so that every filtered view has one.

    Args:
        parameter: Name in the address; the widget's key is `in-<parameter>`.
        default: The value when the address says nothing; its type (text, truth value, list, pair of integers) says how
            the address is read.
        options: The values allowed; what the address says beyond them is left out.
    """
    _addressed().add(parameter)
    key, said = f"in-{parameter}", st.query_params.get_all(parameter)
    value = _read(said, default) if said else default
    if options is not None:
        allowed = set(options)
        if isinstance(default, list):
            value = [one for one in value if one in allowed]
        elif value not in allowed:
            value = default
    st.session_state[key] = value
    return {"key": key, "on_change": _to_address, "args": (parameter, default)}


def _read(said: list[str], default: Any) -> Any:
    if isinstance(default, bool):
        return said[0] in ("yes", "true", "1")
    if isinstance(default, list):
        return said
    if isinstance(default, tuple):
        match = re.match(r"^(\d{1,4})-(\d{1,4})$", said[0])
        if not match or not default[0] <= int(match[1]) <= int(match[2]) <= default[1]:
            return default
        return int(match[1]), int(match[2])
    return said[0]


def _to_address(parameter: str, default: Any) -> None:
    value = st.session_state[f"in-{parameter}"]
    if value == default or value is None:
        st.query_params.pop(parameter, None)
    elif isinstance(value, tuple):
        st.query_params[parameter] = f"{value[0]}-{value[1]}"
    else:
        st.query_params[parameter] = "yes" if value is True else value


# --- sources ---------------------------------------------------------------------------------------------------


def _sources(kb: KnowledgeBase) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in kb.rows("SELECT key, name, title, type, url FROM sources")}


def source_text(kb: KnowledgeBase, source: str | None, locator: str | None = None) -> str:
    """Markdown naming a source, linked where it has an address, with the place in it."""
    if not source:
        return ""
    row = cached(_sources, kb).get(source)
    name = outside(row["name"], row["url"]) if row else plain(source)
    return f"{name}, {plain(locator)}" if locator else name


def source_name(kb: KnowledgeBase, source: str | None, locator: str | None = None) -> str:
    """A source and the place in it as plain text, for table cells."""
    if not source:
        return ""
    row = cached(_sources, kb).get(source)
    name = row["name"] if row else source
    return f"{name}, {locator}" if locator else name


def source_url(kb: KnowledgeBase, source: str | None) -> str | None:
    """A source's address, if it has a web one."""
    row = cached(_sources, kb).get(source or "")
    return row["url"] if row and is_web(row["url"]) else None


def cites(kb: KnowledgeBase, citations: Iterable[Citation]) -> None:
    """A line with the sources of what stands above."""
    places = [source_text(kb, citation.source, citation.locator) for citation in citations]
    if places:
        st.caption(("Source: " if len(places) == 1 else "Sources: ") + "; ".join(places))


# --- tables ----------------------------------------------------------------------------------------------------


def record_table(
    rows: Sequence[dict[str, Any]], columns: dict[str, Any], *, key: str, alt: str, name: str = "name",
    name_label: str = "Name", height: int | str = "auto", name_width: Any = None, selectable: bool = False,
) -> None:
    """A sortable table of records; a click on a name opens the record.

    Args:
        rows: Each with `record` (full name), the name column, and the columns.
        columns: Column to heading or `st.column_config`, in order.
        key: Unique on the page.
        alt: What the table shows, for screen readers.
        name: The column that holds the record's name.
        name_label: Its heading.
        height: Pixels or `auto`.
        name_width: Width of the name column.
        selectable: Whether rows can be ticked; what is ticked is in the session state under `key`.
    """
    frame = pd.DataFrame(
        [{name: row[name], **{column: row.get(column) for column in columns}} for row in rows],
        columns=[name, *columns],
    )
    opener = st.column_config.ButtonColumn(
        name_label, key=f"{key}-open", type="tertiary", alignment="left", pinned=True, width=name_width,
        help="Click a name to open its page",
    )
    st.dataframe(
        frame, hide_index=True, column_config={name: opener, **columns}, key=key, alt=alt, height=height,
        placeholder="", on_select="rerun" if selectable else "ignore", selection_mode="multi-row",
    )
    click = st.session_state.get(f"{key}-open")
    if click is not None and click.row is not None and 0 <= click.row < len(rows):
        open_record(rows[click.row]["record"])


def claims_table(kb: KnowledgeBase, claims: Sequence[Statement], *, key: str) -> None:
    """Every claim with its unit, precision and source; the one shown first at the front of its field."""
    rows = []
    for claim in claims:
        rows.append({
            "shown": claim.preferred, "part": claim.part, "field": claim.field, "value": claim.shown,
            "exact": claim.text if claim.text != claim.shown else None, "unit": claim.unit, "status": claim.status,
            "condition": ", ".join(filter(None, (claim.setting, claim.scope, claim.counting))) or None,
            "source": source_name(kb, claim.source, claim.locator), "link": source_url(kb, claim.source),
            "note": claim.note,
        })
    frame = pd.DataFrame(rows).dropna(axis="columns", how="all")
    st.dataframe(frame, hide_index=True, key=key, alt="Claims with their sources", placeholder="", column_config={
        "shown": st.column_config.CheckboxColumn("First", help="The value shown first"), "part": "Part",
        "field": "Field", "value": "As printed", "exact": "Value", "unit": "Unit", "status": "Status",
        "condition": "Condition", "source": st.column_config.TextColumn("Source", width="medium"),
        "link": st.column_config.LinkColumn("Link", display_text="open"), "note": "Note",
    })


def disagreements(kb: KnowledgeBase, record: str) -> None:
    """The fields for which sources differ, with every value and its source; nothing where they agree."""
    found = kb.audit(record)
    if not found:
        return
    open_ones = sum(not one.resolved for one in found)
    label = f"{len(found)} disagreement{'s' if len(found) > 1 else ''} between sources"
    with st.expander(label + (f", {open_ones} open" if open_ones else ", all settled"), icon=":material/balance:"):
        for one in found:
            where = " · ".join(filter(None, (one.part, one.field, one.setting)))
            st.markdown(f"**{plain(where)}** " + (":green-badge[settled]" if one.resolved else ":orange-badge[open]"))
            for claim in one.claims:
                unit = f" {claim.unit}" if claim.unit else ""
                st.markdown(f"- {plain(claim.shown + unit)}: {source_text(kb, claim.source, claim.locator)}")
            if one.reason:
                st.caption(plain(one.reason))


def json_list(text: str | None) -> list[Any]:
    """A JSON list from a database cell; empty where there is none."""
    value = json.loads(text) if text else []
    return value if isinstance(value, list) else []


# --- designs ---------------------------------------------------------------------------------------------------

#: Colours of tags in tables, one per value in the vocabulary's order.
TAGS = ["blue", "orange", "green", "violet", "red", "yellow", "gray", "blue", "orange", "green", "violet", "red"]


def latex(formula: str) -> None:
    """A formula from a record; a dollar in it cannot end the formula."""
    st.latex(formula.replace("$", r"\$"))


def inline_latex(formula: str) -> str:
    """Markdown of a symbol from a record."""
    return "$" + formula.replace("$", r"\$") + "$"


def user_line(kb: KnowledgeBase, user: User) -> None:
    """Who uses a design, with what and where it is said."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        record_link(user.record, user.label)
        st.caption(
            (f"{plain(user.detail)} · " if user.detail else "") + source_text(kb, user.source, user.locator)
            + (" (derived)" if user.status == "derived" else "")
        )


def differing(name: str, differs: bool) -> str:
    """Markdown of a row's name in a comparison; rows that differ are bold and marked."""
    return f"≠ **{plain(name)}**" if differs else plain(name)


def compared(kb: KnowledgeBase, value: str | None, note: str | None, place: str | None) -> str:
    """Markdown of a cell in a comparison: the value, its condition, and where it was read."""
    if value is None:
        return ""
    source, _, locator = (place or "").partition(", ")
    parts = [f"**{plain(value)}**", plain(note or ""), f":gray[{source_text(kb, source, locator)}]" if source else ""]
    return "  \n".join(part for part in parts if part)


# --- figures ---------------------------------------------------------------------------------------------------

#: No logo, no upload to a chart service; the picture can be saved.
PLOTLY = {
    "displaylogo": False, "displayModeBar": "hover", "showSendToCloud": False, "showEditInChartStudio": False,
    "modeBarButtonsToRemove": ["sendDataToCloud", "sendChartToCloud", "editInChartStudio", "select2d", "lasso2d",
                               "autoScale2d"],
    "toImageButtonOptions": {"format": "svg"},
}


#: Text of figures; the theme's own grey is too pale for small labels.
_INK = {"light": "#3a4450", "dark": "#c9d1db"}


def chart(figure: go.Figure, *, key: str, alt: str, on_select: Any = None, height: Any = "content") -> Any:
    """A figure in the app's theme; with `on_select` a click on a point selects it."""
    ink = _INK.get(str(st.context.theme.type), _INK["light"])
    shown = go.Figure(figure).update_layout(font_color=ink, legend_font_color=ink)  # a copy: the figure is shared
    shown.update_xaxes(tickfont_color=ink, title_font_color=ink)
    shown.update_yaxes(tickfont_color=ink, title_font_color=ink)
    if on_select is None:
        return st.plotly_chart(shown, key=key, alt=alt, config=PLOTLY, height=height)
    return st.plotly_chart(
        shown, key=key, alt=alt, config=PLOTLY, height=height, on_select=on_select, selection_mode="points",
    )


def bibtex_box(kb: KnowledgeBase, record: str) -> None:
    """BibTeX to copy and to download."""
    entry = kb.cite([record])
    st.code(entry, language="latex", wrap_lines=True)
    st.download_button(
        "Download .bib", entry, file_name=f"{record.partition(':')[2]}.bib", mime="text/x-bibtex",
        icon=":material/download:", on_click="ignore",
    )


def point_clicked(key: str) -> None:
    """Open the record that a clicked point of a figure carries as customdata."""
    points = st.session_state[key].selection.points
    if points and isinstance(points[0].get("customdata"), str):
        open_record(points[0]["customdata"])


def graph(kb: KnowledgeBase, record: str, *, key: str) -> None:
    """The typed graph one step around a record or node, as a picture and as a table."""
    found = cached(around.neighbours, kb, record)
    if not found:
        empty("Nothing is tied to this yet.", "Relations, usages and placements are written in the records.")
        return
    more = max(sum(one.forward is side for one in found) for side in (True, False)) > around.LIMIT
    chart(
        cached(around.picture, kb, record), key=f"{key}-{record}", on_select=partial(point_clicked, f"{key}-{record}"),
        alt="What points to the record on the left, what it points to on the right, coloured by type of edge",
    )
    if more:
        st.caption(f"The picture shows {around.LIMIT} on each side; the table shows all {len(found)}.")
    record_table(
        [{
            "record": one.record, "name": one.name, "kind": one.kind, "year": one.year,
            "edge": f"→ {one.type}" if one.forward else f"← {one.type}", "status": one.status,
            "note": one.note, "source": source_name(kb, one.source, one.locator),
        } for one in found],
        {
            "kind": "Kind", "year": st.column_config.NumberColumn("Year", format="%d", width="small"),
            "edge": st.column_config.TextColumn("Edge", help="→ from the record in the middle, ← towards it"),
            "note": st.column_config.TextColumn("Note", width="medium"), "status": "Status",
            "source": st.column_config.TextColumn("Source", width="medium"),
        },
        key=f"{key}-table", alt="Every typed edge at the record with its source", name_width="medium",
    )

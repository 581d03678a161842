"""Compare designs or models: two to six of one kind, differing rows marked, every value with its source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st
import ui

from moe_kb.fields import FIELDS, GATING_PROPERTIES, label_of
from moe_kb.queries.compare import KV_CACHE

#: What can be compared, by the address's `kind`, and the page of all.
KINDS = {"design": "designs", "model": "models"}
#: Of the many values of a model, those that a choice between models turns on.
MAIN = (
    *("organisation", "released", "openness", "licence", "params_total", "params_active", KV_CACHE),
    *("context_length", "supported_context", "n_layers", "n_moe_layers", "n_routed_experts", "experts_per_token"),
    *("n_shared_experts", "router", "weights", "report"),
)

kb = ui.knowledge_base()
kind = st.query_params.get("kind", "design")
kind = kind if kind in KINDS else "design"
plural = KINDS[kind]
ui.header(f"Compare {plural}")


def options() -> dict[str, str]:
    """What can be compared by key: designs; configurations of models, and models of which none is known."""
    if kind == "design":
        return {brief.key: brief.label for brief in ui.cached(type(kb).briefs, kb, "design")}
    sizes = {name: size.label for name, size in ui.cached(type(kb).sizable, kb).items()}
    models = {brief.key: brief.label for brief in ui.cached(type(kb).briefs, kb, "model")}
    described = {name.partition("|")[0] for name in sizes}
    return sizes | {key: name for key, name in models.items() if key not in described}


def known_as(key: str) -> str:
    """A model's key alone stands for its first configuration, one with layers if there is one."""
    if kind == "design" or key in labels:
        return key
    own = [name for name in labels if name.partition("|")[0] == key]
    sizes = ui.cached(type(kb).sizable, kb)
    return next((name for name in own if sizes[name].architecture), own[0] if own else key)


def record_of(key: str) -> str:
    """The name by which `kb.compare` knows a key."""
    model, _, label = key.partition("|")
    return f"{kind}:{model}" + (f"#{label}" if label else "")


def label(field: str) -> str:
    """What a row is called."""
    if kind == "design":
        return GATING_PROPERTIES[field].label if field in GATING_PROPERTIES else field.capitalize()
    name, bracket, setting = field.partition(" (")
    return (label_of(name) if name in FIELDS or "_" in name else name[0].upper() + name[1:]) + bracket + setting


def chosen() -> None:
    st.query_params["keys"] = ui.listed(st.session_state["compared"])


def offered() -> list[str]:
    """Keys to choose from: of designs those of one component, that of the first chosen, beside what is chosen."""
    if kind == "model":
        return list(labels)
    picked = st.session_state["compared"]
    component = kb.design(picked[0]).component if picked else "gating"
    alike = {brief.record.partition(":")[2] for brief in ui.cached(type(kb).designs_of, kb, component)}
    return [key for key in labels if key in alike or key in picked]


def address_of(chosen_keys: Sequence[str]) -> str:
    """The address of a comparison."""
    return ui.address("compare", {**({"kind": kind} if kind != "design" else {}), "keys": ui.listed(chosen_keys)})


def suggestions(keys: list[str]) -> None:
    """Links to what one would compare these with; where nothing is chosen, to pairs to begin with."""
    if not keys:
        st.markdown("**Good pairs to begin with**")
        for pair in ui.cached(type(kb).pairs, kb, kind):
            both = [known_as(record.partition(":")[2]) for record in pair]
            if all(key in labels for key in both):
                names = " and ".join(ui.plain(labels[key]) for key in both)
                st.markdown(f"- [{names}]({address_of(both)})")
        return
    near = dict.fromkeys(
        known_as(record.partition(":")[2])
        for key in keys
        for record in ui.cached(type(kb).kin, kb, record_of(key).partition("#")[0])
    )
    links = [
        f"[{ui.plain(labels[key])}]({address_of([*keys, key])})" for key in near if key in labels and key not in keys
    ]
    if links and len(keys) < ui.MOST:
        st.caption("Compare with: " + " · ".join(links[:6]))


# The address holds the keys (`?keys=a,b`); what is unknown or too much is named, not dropped in silence.
labels = options()
asked = list(dict.fromkeys(known_as(key) for key in ui.unlisted(ui.parameter("keys"))))
unknown = [key for key in asked if key not in labels]
wanted = [key for key in asked if key in labels]
st.session_state["compared"] = wanted[: ui.MOST]
keys = st.multiselect(
    plural.capitalize(),
    offered(),
    format_func=labels.get,
    key="compared",
    on_change=chosen,
    max_selections=ui.MOST,
    placeholder="choose two or more",
)
if unknown:
    st.warning(f"No {kind} has the key {ui.some(unknown)}.", icon=":material/help:")
if more := wanted[ui.MOST :]:
    st.warning(f"At most {ui.MOST} are compared; left out: {ui.some(more)}.", icon=":material/help:")
suggestions(keys)
if len(keys) < 2:
    ui.empty(f"Two {plural} or more are needed.", f"Choose them above, or tick rows on the {plural} page.")
    ui.page_link(plural, f"All {plural}")
    st.stop()

# --- pictures ------------------------------------------------------------------------------------------------------

#: What is said under one picture, and before it where there are several.
READ = {
    "design": ("Dashed: not stated. Point at a part for its source.", "Lit: the designs differ, as far as stated. "),
    "model": (
        "From the bottom up; dashed: not reported; point at a box for its exact settings.",
        "Underlined: the models differ; a red edge and title: not every model has such a part. ",
    ),
}


def drawable() -> set[str]:
    """Keys of what has a picture."""
    if kind == "design":
        return {gate.record.partition(":")[2] for gate in ui.cached(type(kb).gates, kb)}
    return {name for name, size in ui.cached(type(kb).sizable, kb).items() if size.architecture}


def pictures() -> None:
    """What has a picture, side by side with what differs lit; what has none is named."""
    able = drawable()
    drawn = {record_of(key): labels[key] for key in keys if key in able}
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown("[Values](#values)")  # a phone shows the pictures one under the other
        for key in keys:
            if key not in able:  # a picture has its name above it
                ui.record_link(f"{kind}:{key.partition('|')[0]}", labels[key])
        if sizes := sizable_of(keys):
            ui.page_link("size", "Size these", {"models": ui.listed(sizes)})
    if drawn:
        ui.comparison(kb, drawn, key="comparison", file=plural)
        read, several = READ[kind]
        st.caption((several if len(drawn) > 1 else "") + read)
    if kind == "model" and (missing := [labels[key] for key in keys if key not in able]):
        st.caption(f"The layers of {ui.plain(', '.join(missing))} are not reported.")


def sizable_of(keys: list[str]) -> list[str]:
    """Those models whose size can be computed."""
    if kind == "design":
        return []
    sizes = ui.cached(type(kb).sizable, kb)
    return [key for key in keys if key in sizes and sizes[key].architecture and not sizes[key].why]


pictures()
st.header("Values", anchor="values")

# --- the table -----------------------------------------------------------------------------------------------------

table = ui.cached(type(kb).compare, kb, tuple(record_of(key) for key in keys))
with st.container(horizontal=True, gap="medium"):
    only = st.toggle("Only what differs", **ui.in_address("differing", False))
    every = kind == "design" or st.toggle("All values", **ui.in_address("all", False))
    sources = st.toggle("Sources", **ui.in_address("sources", False), help="Where each value was read")
places = [i for i, field in enumerate(table.fields) if field != "name" and (every or field in MAIN)]
if not every:
    places.sort(key=lambda i: MAIN.index(table.fields[i]))
rows = [i for i in places if table.differs(i) or not only]
# Records may share a name, and a column is found by its heading.
shared = Counter(labels[key] for key in keys)
columns = {key: labels[key] if shared[labels[key]] == 1 else f"{labels[key]} ({key})" for key in keys}
place_of = {name: place for place, name in reversed(list(enumerate(table.names)))}
place_of |= {
    name.partition("#")[0]: place for name, place in place_of.items() if name.partition("#")[0] not in place_of
}
if not rows:
    ui.empty("No differences are reported.", "Switch off 'Only what differs' to see it.")
    st.stop()
st.table(
    [
        {
            "Property": ui.differing(label(table.fields[i]), table.differs(i)),
            **{
                ui.plain(column): ui.compared(
                    kb, table.words(i)[at], table.notes[i][at], table.sources[i][at] if sources else None
                )
                for key, column in columns.items()
                for at in [place_of[record_of(key)]]
            },
        }
        for i in rows
    ],
    border="horizontal",
    hide_index=True,
    alt=f"The chosen {plural} compared, a row per property",
)
cells = [[label(table.fields[i]), *(table.words(i)[place_of[record_of(key)]] for key in columns)] for i in rows]
ui.copies(kb, ["Property", *columns.values()], cells, "comparison")
st.caption(f"≠ and bold: the {plural} differ, as far as reported. An empty cell: not reported.")
if kind == "design":
    for key in keys:
        for equation in kb.design(key).equations:
            with st.expander(f"{ui.plain(labels[key])}: {ui.plain(equation.label)}", icon=":material/function:"):
                ui.latex(equation.latex)

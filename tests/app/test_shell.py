"""The bar on every page, addresses that hold what a page reads, and what wrong addresses lead to."""

import ast
import json
import re
from itertools import pairwise
from pathlib import Path

import main
import pytest
import ui
from trees import edit
from ui.record_table import Marked, _sorted_records

APP = Path(ui.__file__).parents[1]
PAGES = [entry.name for entry in main.PAGES if entry.name != "axes"]
#: Addresses on which pages have more to say than without a query.
SHOWING = [
    *((name, {}) for name in PAGES),
    ("paper", {"key": "alpha"}),
    ("design", {"key": "alpha-router"}),
    ("model", {"key": "alpha"}),
    ("designs", {"component": "loss"}),
    ("designs", {"show": "gallery"}),
    ("designs", {"show": "lineage"}),
    ("compare", {"keys": "alpha-router,beta-router"}),
    ("compare", {"kind": "model", "keys": "alpha,beta"}),
    ("size", {"models": "alpha|1B", "change": "Alpha 1B"}),
    ("systems", {"view": "systems"}),
    ("systems", {"view": "tables"}),
    ("taxonomy", {"node": "first:algorithm/gating"}),
    ("lab", {"implementation": "mixtral-top2-router"}),
    ("lab", {"view": "runs"}),
    ("trends", {"view": "glance"}),
    ("trends", {"view": "table-2"}),
    ("paper", {"key": "nothing"}),
    ("taxonomy", {"node": "nothing"}),
    ("missing", {"page": "nothing"}),
]


VALUES = {
    "words": ["b10", "B9", None, "a", ""],
    "number": [3.5, None, Marked(10, "10 ≠", "open"), 2, -1],
    "tags": [["x", "y"], ["x"], [], ["a"], None],
    "check": [True, False, True, False, None],
}


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("words", "dbace"), ("-words", "abdce"), ("number", "edacb"), ("-number", "cadeb"),
        ("tags", "dbace"), ("-tags", "abdce"), ("check", "acbde"),
        ("nothing", "abcde"), ("", "abcde"),
    ],
)  # fmt: skip
def test_neighbours_are_sorted_as_the_table_is(order, found):
    rows = [
        {"record": record} | {name: values[i] for name, values in VALUES.items()} for i, record in enumerate("abcde")
    ]
    assert "".join(_sorted_records(rows, set(VALUES), order)) == found


def bar(at):
    """What the bar of a page is made of."""
    (data,) = [json.loads(part.proto.json) for part in at.get("bidi_component") if part.key == "shell"]
    return data


def test_six_entries_and_the_data(open_page):
    data = bar(open_page("papers"))
    menu = {item["label"]: item for item in data["menu"]}
    assert list(menu) == ["Learn", "Designs", "Models", "Papers", "Size", "Lab", "Data"]
    assert [label for label, item in menu.items() if item["here"]] == ["Papers"]
    within = {label: [page["label"] for page in item["items"]] for label, item in menu.items() if "items" in item}
    assert within["Learn"][0] == "Overview"
    assert within["Data"] == ["Trends", "Trade-offs", "Evidence", "Taxonomy", "Systems", "Query"]


@pytest.mark.parametrize(
    ("page", "query", "entry", "trail"),
    [
        ("paper", {"key": "alpha"}, "Papers", ["Papers", "Alpha"]),
        ("design", {"key": "alpha-router"}, "Designs", ["Designs", "Alpha router"]),
        ("model", {"key": "alpha"}, "Models", ["Models", "Alpha"]),
        ("compare", {"kind": "model"}, "Models", ["Models", "Compare"]),
        ("compare", {}, "Designs", ["Designs", "Compare"]),
        ("trends", {}, "Data", []),
        ("paper", {"key": "nothing"}, "Papers", ["Papers", "Paper"]),
    ],
)
def test_a_page_says_where_it_stands(open_page, page, query, entry, trail):
    data = bar(open_page(page, **query))
    assert [item["label"] for item in data["menu"] if item["here"]] == [entry]
    assert [step["label"] for step in data["trail"]] == trail


def test_neighbours_follow_the_list_come_from(open_page):
    every = [bar(open_page("paper", key=key)) for key in ("alpha", "beta")]
    assert [data["next"] and data["next"]["href"] for data in every] == ["paper?key=beta", None]
    assert [data["previous"] and data["previous"]["href"] for data in every] == [None, "paper?key=alpha"]
    at = open_page("papers")  # newest first: alpha, beta; then the other way about
    at.session_state["orders"] = {"paper": ("paper:beta", "paper:alpha")}
    at.query_params["key"] = "alpha"
    data = bar(at.switch_page("app_pages/paper.py").run())
    assert data["previous"]["href"] == "paper?key=beta"
    assert data["next"] is None


def test_lists_are_remembered_in_their_order(open_page):
    at = open_page("papers")
    assert set(at.session_state["orders"]["paper"]) == {"paper:alpha", "paper:beta"}
    at = open_page("designs")
    assert at.session_state["orders"]["design"] == ("design:alpha-router", "design:beta-router")
    at = open_page("designs", sort="-name")
    assert at.session_state["orders"]["design"] == ("design:beta-router", "design:alpha-router")
    at = open_page("designs", show="gallery", chooser="expert")
    assert at.session_state["orders"]["design"] == ("design:beta-router",)
    at = open_page("models", q="alpha")
    assert at.session_state["orders"]["model"] == ("model:alpha",)


@pytest.mark.parametrize(
    ("page", "given", "kept"),
    [
        ("paper", {"key": "alpha", "under": "first:algorithm", "years": "2020-2021"}, {"key"}),
        ("design", {"key": "alpha-router", "q": "x", "columns": "score"}, {"key"}),
        ("papers", {"q": "alpha", "key": "alpha", "node": "first:"}, {"q"}),
        ("model", {"key": "alpha", "configuration": "1B", "x": "params_total"}, {"key", "configuration"}),
        ("taxonomy", {"node": "first:", "key": "alpha", "around": "paper:alpha"}, {"node", "around"}),
        ("query", {"sql": "SELECT 1", "show": "chart", "q": "x"}, {"sql", "show"}),
        ("compare", {"keys": "alpha-router,beta-router", "differing": "yes", "gate": "x"}, {"keys", "differing"}),
    ],
)
def test_an_address_keeps_what_its_page_reads(open_page, page, given, kept):
    at = open_page(page, **given)
    assert set(at.query_params) == kept


def test_pages_say_which_parameters_they_read():
    """What a page reads past `ui` is in its `shows`, or said to `ui.reads`: it would be taken out on arrival."""
    shown = {entry.name: set(entry.shows) for entry in main.PAGES}
    for path in [*(APP / "app_pages").glob("*.py"), *(APP / "laboratory").glob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said = {
            word.value
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("ui.")
            for word in [*call.args, *(keyword.value for keyword in call.keywords)]
            if isinstance(word, ast.Constant)
        }
        known = said | shown["lab" if path.parent.name == "laboratory" else path.stem]
        text = path.read_text(encoding="utf-8")
        read = set(re.findall(r'query_params\.get(?:_all)?\("([^"]+)"', text))
        read |= set(re.findall(r'query_params\["([^"]+)"\](?! = )', text))
        assert read <= known, f"{path.name}: name {sorted(read - known)} in ui.reads(…), or read it by ui.parameter(…)"


@pytest.mark.parametrize(("page", "query"), SHOWING, ids=str)
def test_headings_go_down_by_one_level(open_page, sizable, page, query):
    at = open_page(page, **query)
    levels = [int(heading.tag[1]) for heading in headings(at)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    jumps = [(upper, lower) for upper, lower in pairwise(levels) if lower > upper + 1]
    assert jumps == []


def headings(at):
    """Headings of a page from top to bottom."""
    found, waiting = [], [at.main]
    while waiting:
        element = waiting.pop()
        if getattr(element, "type", "") in ("title", "header", "subheader"):
            found.append(element)
        waiting += reversed(getattr(element, "children", {}).values())
    return found


@pytest.mark.parametrize(
    ("page", "parameter", "key"),
    [
        ("compare", "keys", "{}-router"), ("compare", "keys", "copy-{}"), ("size", "models", "{}|1B"),
        ("paper", "key", "{}"), ("design", "key", "{}-router"), ("model", "key", "{}"), ("papers", "tick", "{}"),
        ("designs", "tick", "{}-router"), ("models", "tick", "{}|1B"), ("lab", "runs", "{}"),
        ("evidence", "shown", "{}"), ("systems", "key", "{}"), ("taxonomy", "node", "{}"),
    ],
)  # fmt: skip
def test_any_number_of_keys_may_be_asked(open_page, page, parameter, key):
    at = open_page(page)
    names = [key.format(name) for name in ("alpha", "beta", *(f"n{number}" for number in range(18)))]
    for kind in ("design", "model") if page == "compare" else ("",):
        for number in (1, 2, 6, 7, 20):
            at.query_params.update({"kind": kind} if kind else {})
            at.query_params[parameter] = ",".join(names[:number])
            at.run()
            assert at.title, (kind, number)


def test_a_wrong_node_leads_to_close_ones(open_page, texts):
    at = open_page("taxonomy", node="first:algorithm/gatting")
    assert at.title[0].value == "Not found"
    assert "moe-kb tree" not in texts(at)
    (link, *_) = at.get("page_link")
    assert link.query_string == "node=first%3Aalgorithm%2Fgating"


def test_a_node_of_two_trees_leads_to_both(open_page, tree):
    edit(tree, "taxonomy/second.yaml", "label: Routers}", "label: Routers}\n- {id: system, label: System}")
    at = open_page("taxonomy", node="system")
    assert len(at.get("page_link")) == 2


def test_a_wrong_page_says_so_and_searches(open_page):
    at = open_page("missing", page="papers/noisy-top-k")
    assert at.title[0].value == "No such page"
    assert at.text_input[0].value == "papers noisy top k"


def test_what_a_wrong_key_says_is_searched(open_page):
    at = open_page("paper", key="bet-router")
    at.button[0].click().run()
    assert at.query_params["q"] == "bet router"


def test_copied_links_begin_as_set(open_page, monkeypatch):
    monkeypatch.setenv("MOE_KB_ADDRESS", "https://moe.example.org/kb/")
    assert bar(open_page("papers"))["base"] == "https://moe.example.org/kb"
    monkeypatch.setenv("MOE_KB_ADDRESS", "javascript:alert(1)")
    assert bar(open_page("papers"))["base"] is None


def test_heading_weights_are_ones_the_theme_takes():
    config = (APP / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    (weights,) = re.findall(r"headingFontWeights = \[(.*)\]", config)
    assert all(int(weight) % 50 == 0 for weight in weights.split(","))

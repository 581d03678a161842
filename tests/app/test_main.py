"""The entrance: navigation, errors in words, banners, and the helpers that keep record text from acting."""

import tomllib
from pathlib import Path

import pytest
import ui
from shown import tables
from streamlit.testing.v1 import AppTest
from trees import edit

from moe_kb.lab import Lab, RunEstimate
from moe_kb.lab.store import RunsStore

PAGES = ("overview", "taxonomy", "papers", "designs", "compare")


@pytest.mark.parametrize("name", PAGES)
def test_every_index_page_opens_without_a_query(open_page, name):
    at = open_page(name)
    assert at.title[0].value
    assert not at.error


@pytest.mark.parametrize(("name", "index"), [("paper", "papers"), ("design", "designs"), ("model", "models")])
def test_a_detail_page_without_a_key_says_where_to_choose(open_page, texts, name, index):
    at = open_page(name)
    assert f"No {name} is chosen." in texts(at)
    assert [link.label for link in at.get("page_link")] == [f"Choose one among the {index}"]


@pytest.mark.parametrize("name", ["paper", "design"])
def test_an_unknown_key_is_answered_with_close_ones(open_page, name):
    at = open_page(name, key="alpha-rooter" if name == "design" else "alpah")
    assert at.title[0].value == f"No such {name}"
    assert len(at.error) == 1
    assert "moe-kb search" not in at.error[0].value
    links = [link.label for link in at.get("page_link")]
    assert links[0].startswith("Alpha")
    assert links[-1] == f"All {name}s"
    assert at.text_input[0].value == ("alpha rooter" if name == "design" else "alpah")


@pytest.mark.parametrize(
    ("page", "title", "query"),
    [
        ("papers", "Papers", {"under": "no:such", "venue": "nowhere", "code": "maybe"}),
        ("papers", "Papers", {"years": "x-y"}),
        ("papers", "Papers", {"years": "2030-1900"}),
        ("papers", "Papers", {"q": '" OR 1=1 --'}),
        ("papers", "Papers", {"q": "top-k C++ it's AND (" * 250}),
        ("designs", "Designs", {"component": "nothing"}),
        ("designs", "Designs", {"chooser": "nobody", "columns": "none", "gate": "zz"}),
    ],
)
def test_senseless_addresses_do_no_harm(open_page, page, title, query):
    at = open_page(page, **query)
    assert not at.error
    assert at.title[0].value == title


def test_addresses_that_ask_for_too_much_get_a_part(open_page, tree, texts):
    router = (tree / "data/designs/gating/beta-router.yaml").read_text()
    names = [f"copy-{number}" for number in range(9)]
    for name in names:
        copy = router.replace("key: beta-router", f"key: {name}").replace("name: Beta router", f"name: Router {name}")
        (tree / f"data/designs/gating/{name}.yaml").write_text(copy)
    at = open_page("compare", keys=",".join(names * 2))
    assert at.multiselect(key="compared").value == names[:6]
    assert "left out: copy-6, copy-7, copy-8" in texts(at)
    unknown = ",".join(f"no-{number}" for number in range(3000))
    assert "no-4 and 2,995 more" in texts(open_page("compare", keys=unknown))
    at = open_page("size", models=unknown)
    assert [warning.value.count("more: a name is") for warning in at.warning] == [1]


def test_a_list_in_the_address_is_cut_to_what_may_be_chosen(open_page, tmp_path):
    (tmp_path / "runs").mkdir()
    store = RunsStore(tmp_path / "runs")
    for number in range(14):
        store.add(f"20260101-000000-{number:04x}", "x", "x", {}, RunEstimate(1, 1.0, 1, 1), 1.0)
        store.cancel_queued(f"20260101-000000-{number:04x}")
    at = open_page("lab", view="runs", tick=",".join(f"20260101-000000-{number:04x}" for number in (*range(14), 0)))
    assert [warning.value for warning in at.warning] == ["At most 12 runs are compared; the first 12 ticked are."]


def test_no_address_launches_a_run(open_page, tmp_path):
    given = dict.fromkeys(("launch", "in-launch", "delete", "cancel", "steps", "FormSubmitter:launch"), "true")
    at = open_page("lab", implementation="switch-top1-router", task="text", **given)
    assert at.button(key="launch").label == "Launch"
    assert Lab(tmp_path / "runs").runs() == ()


@pytest.mark.parametrize("page", ["model", "systems"])
@pytest.mark.parametrize("key", ["nothing", "<b>", "paper:alpha", "' OR 1=1"])
def test_unknown_keys_end_in_a_message(open_page, page, key):
    assert open_page(page, key=key).error


def test_close_records_of_an_unknown_key_can_be_opened(open_page):
    links = open_page("paper", key="alphas").get("page_link")
    assert [link.label for link in links] == ["Alpha (2021)", "All papers"]


def test_findings_are_shown_as_a_banner_while_the_earlier_build_answers(open_page, tree, texts):
    open_page("papers")
    broken = tree / "data" / "papers" / "2020" / "beta.yaml"
    broken.write_text(broken.read_text().replace("node: algorithm/gating", "node: no-such-node"))
    ui.base._open.clear()
    at = open_page("papers")
    assert "answers: it is older than the records" in texts(at)
    assert "no-such-node" in texts(at)
    assert len(tables(at)[0]) == 2


def test_a_tree_that_cannot_be_built_is_explained(open_page, tree):
    (tree / "data" / "papers" / "2020" / "beta.yaml").write_text("key: [unclosed", encoding="utf-8")
    ui.base._open.clear()
    at = open_page("overview")
    assert len(at.error) == 1
    assert "beta.yaml" in at.error[0].value.replace("\\", "")


def test_a_root_without_records_is_explained(monkeypatch, tmp_path):
    monkeypatch.setenv("MOE_KB_ROOT", str(tmp_path))
    at = AppTest.from_file(str(Path(ui.__file__).parents[1] / "main.py"), default_timeout=30).run()
    assert not at.exception
    assert "holds no data/ folder" in at.error[0].value


@pytest.mark.parametrize(("text", "shown"), [
    ("plain words", "plain words"), ("![x](http://evil.example/a.png)", "!\\[x\\](http:\u2060//evil.example/a.png)"),
    ("<script>", r"\<script\>"), ("$x$ :red[no]", r"\$x\$ \:red\[no\]"),
    (":material/home: :smile: :+1:", ":\u2060material/home: :\u2060smile: :\u2060+1:"),
    ("HTTPS://evil.example", "HTTPS:\u2060//evil.example"), ("see www.evil.example", "see www\u2060.evil.example"),
    ("a@b.example", "a@\u2060b.example"),
    ("a -> b <- c <-> d -- e", "a -\u2060\\> b \\<\u2060- c \\<\u2060-\\> d -\u2060- e"),
    (">= <= ~=", "\\>\u2060= \\<\u2060= \\~\u2060="), ("8x7B-v0.1: x->y, 3 - 4", "8x7B-v0.1: x-\\>y, 3 - 4"),
    ("model:mixtral at 10:30", r"model\:mixtral at 10:30"), ("# no heading", r"\# no heading"),
    ("1. no list", r"1\. no list"), ("- no list", r"\- no list"), ("two\n\nparagraphs", "two paragraphs"),
])  # fmt: skip
def test_record_text_cannot_act_as_markup(text, shown):
    assert ui.plain(text) == shown


@pytest.mark.parametrize(
    "address", [None, "", "javascript:alert(1)", "data:text/html,x", "ftp://example.org/x", "/etc"]
)
def test_only_web_addresses_become_links(address):
    assert ui.outside("label", address) == "label"


def test_an_address_cannot_break_out_of_its_link():
    assert ui.outside("a]b", "https://example.org/a)(b") == r"[a\]b](https://example.org/a%29%28b)"


@pytest.mark.parametrize(
    ("record", "page", "query"),
    [
        ("taxonomy:first", "taxonomy", {"node": "first:"}),
        ("node:first:algorithm/gating", "taxonomy", {"node": "first:algorithm/gating"}),
        ("paper:alpha", "paper", {"key": "alpha"}),
        ("table:first-table", "systems", {"key": "first-table"}),
        ("accelerator:zeta", "size", {"accelerator": "zeta"}),
    ],
)
def test_every_record_and_node_has_its_page(open_page, record, page, query):
    assert ui.links.place_of(record) == (f"app_pages/{page}.py", query)
    at = open_page(page, **query)
    assert at.title[0].value
    assert not at.error


def test_a_root_of_a_taxonomy_opens_that_taxonomy(open_page):
    _, query = ui.links.place_of("taxonomy:second")
    assert open_page("taxonomy", **query).segmented_control(key="survey").value == "second"


def test_a_formula_cannot_end_itself():
    assert ui.inline_latex("x$ ![i](http://e.example) $y") == r"$x\$ ![i](http://e.example) \$y$"


def test_figures_offer_no_upload():
    config = ui.PLOTLY
    assert config["showSendToCloud"] is False
    assert config["displaylogo"] is False
    assert {"sendDataToCloud", "sendChartToCloud"} <= set(config["modeBarButtonsToRemove"])


def test_the_server_listens_on_this_machine_only():
    config = tomllib.loads((Path(ui.__file__).parents[1] / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["enableXsrfProtection"] is True
    assert config["browser"]["gatherUsageStats"] is False
    assert {"light", "dark"} <= set(config["theme"])


def test_no_page_lets_record_text_act_as_html():
    for page in Path(ui.__file__).parents[1].rglob("*.py"):
        text = page.read_text(encoding="utf-8")
        assert "unsafe_allow_html" not in text, page
        assert "st.html(" not in text, page


def test_a_bad_cell_is_told_over_every_page(open_page, tree):
    assert open_page("papers").title[0].value == "Papers"
    edit(tree, "data/tables/first-table.yaml", "experts: 1/9", "experts: ''")
    ui.base._open.clear()
    at = open_page("papers")
    assert not at.error
    assert at.title[0].value == "Papers"
    assert "older than the records" in at.warning[0].value
    why = "\n".join(text.value for text in at.text)
    assert "data/tables/first-table.yaml:34" in why
    assert "moe-kb check" in why

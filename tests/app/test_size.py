"""The page of sizes: settings, a change, files, and what cannot be sized."""

import json

import pytest
from config_files import RELEASED
from shown import tables
from trees import BARE, size_alpha


@pytest.fixture
def sized_tree(tree):
    size_alpha(tree)
    return tree


def rows(at, heading):
    """The rows of the table with this first column."""
    frame = next(table.value for table in at.table if heading in table.value.columns)
    plain = [{key: value.replace("\\", "") for key, value in row.items()} for row in frame.to_dict("records")]
    return {row[heading]: row for row in plain}


EXPERT, ATTENTION = 2 * 512 * 2048, 4 * 512 * 512
TOTAL = 2 * 1000 * 512 + 4 * ATTENTION + EXPERT + 3 * (9 * EXPERT + 8 * 512) + 9 * 512


def test_what_can_be_sized_is_shown_unasked(sized_tree, open_page, texts):
    at = open_page("size")
    assert (rows(at, "Parameters")["Total"]["Alpha 1B"], len(at.get("plotly_chart"))) == (f"{TOTAL:,}", 6)
    assert "no multi-token-prediction layers" in texts(at)
    devices = next(frame for frame in tables(at) if "peak" in frame.columns)
    assert (devices["name"].iloc[0], devices["Alpha 1B"].iloc[0]) == ("Zeta 9000", 1)
    claims = next(frame for frame in tables(at) if "value" in frame.columns)
    assert "80 GB" in set(claims["value"])
    said = texts(at)
    for title in ("Parameters", "Operations", "All-to-all", "Roofline on Zeta 9000"):
        assert title in said
    assert said.count("Excludes.") == 7


def test_a_view_has_an_address(sized_tree, open_page):
    at = open_page("size", models="alpha|1B", context="1024", weights="fp8", expert_parallel="4", accelerator="zeta")
    assert at.select_slider(key="in-context").value == 1024
    assert at.number_input(key="in-expert_parallel").value == 4
    earlier = open_page("size", models="alpha|1B", degree="4")
    assert earlier.number_input(key="in-expert_parallel").value == 4
    assert any("At 1,024 tokens" in table.value.columns for table in at.table)
    at.selectbox(key="in-weights").set_value("mxfp4").run()
    assert at.query_params["weights"] == "mxfp4"
    at.multiselect(key="sized-models").set_value([]).run()
    assert any("No configuration is chosen" in note.value for note in at.info)


def test_a_change_stands_beside_the_original(sized_tree, open_page, texts):
    at = open_page("size")
    at.selectbox(key="in-change").set_value("Alpha 1B").run()
    assert "Move a slider" in texts(at)
    at.slider(key="in-experts").set_value(16).run()
    changed = rows(at, "Quantity")
    assert changed["Total parameters"]["Change"] == f"{3 * 8 * (EXPERT + 512) / TOTAL:+.2%}"
    assert rows(at, "Parameters")["Total"]["Alpha 1B, modified"] == f"{TOTAL + 24 * (EXPERT + 512):,}"
    assert at.query_params["experts"] == "16"
    at.slider(key="in-shared").set_value(0).run()
    assert rows(at, "Parameters")["Total"]["Alpha 1B, modified"] == f"{TOTAL + 24 * (EXPERT + 512) - 3 * EXPERT:,}"
    at.slider(key="in-chosen").set_value(16)
    at.slider(key="in-experts").set_value(8).run()
    assert "16 of 8 experts cannot be active: make k smaller or E larger" in texts(at)
    assert "Alpha 1B, modified" not in rows(at, "Parameters")["Total"]
    at.selectbox(key="in-change").set_value(None).run()
    assert not {"change", "experts", "chosen", "shared"} & set(at.query_params)


def test_what_cannot_be_sized_says_why(tree, open_page, texts):
    (tree / "data/models/beta.yaml").write_text(BARE)
    at = open_page("size", models="alpha|1B,beta|small,nothing|<b>")
    said = texts(at).replace("\\", "")
    assert "Alpha 1B cannot be sized: tied_embeddings is not given; norm is not given." in said
    assert "small cannot be sized: its layers are not reported." in said
    assert "No configuration is called nothing|<b>" in said
    assert "<script>" not in texts(at)
    assert "No configuration is chosen" in said


def test_every_configuration_without_a_size_is_listed(sized_tree, open_page):
    (sized_tree / "data/models/beta.yaml").write_text(BARE)
    at = open_page("size")
    frame = next(table for table in tables(at) if "why" in table.columns)
    assert list(frame["why"]) == ["its layers are not reported"]


@pytest.mark.parametrize(
    "query",
    [{"context": "7"}, {"batch": "x"}, {"expert_parallel": "0"}, {"expert_parallel": "99999999999"},
     {"weights": "int3"},
     {"accelerator": "abacus"}, {"change": "nothing"}, {"change": "Alpha 1B", "experts": "-3", "width": "7"},
     {"models": ",,|,"}, {"models": "alpha|1B," * 50}],
)  # fmt: skip
def test_senseless_addresses_do_no_harm(sized_tree, open_page, query):
    assert not open_page("size", **query).exception


def upload(at, name, content):
    return at.file_uploader[0].set_value((name, content, "application/json")).run()


def test_a_config_is_sized_on_the_spot(sized_tree, open_page):
    at = upload(open_page("size"), "config.json", RELEASED["mixtral-8x7b"].encode())
    assert rows(at, "Parameters")["Total"]["config.json (file)"] == "46,702,792,704"
    assert sorted(path.name for path in (sized_tree / "data/models").iterdir()) == ["alpha.yaml"]


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        (json.dumps({"model_type": "unheard-of"}).encode(), ["model_type 'unheard-of' is not known"]),
        (b"\xff\xfe", ["not JSON"]),
        (b"[" * 90_000, ["not JSON"]),
        (
            json.dumps(json.loads(RELEASED["mixtral-8x7b"]) | {"new_trick": 3, "<img src=x>": [1]}).encode(),
            ["new_trick = 3 is not understood", "<img src=x> = [1] is not understood"],
        ),
    ],
    ids=["type", "binary", "deep", "fields"],
)
def test_a_file_that_is_refused_lists_the_reasons(sized_tree, open_page, content, reasons):
    at = upload(open_page("size"), "config.json", content)
    (error,) = at.error
    lines = error.value.replace("\\", "").splitlines()
    for reason in reasons:
        assert any(line.startswith(f"- {reason}") for line in lines)
    assert "<img" not in error.value.replace("\\<", "")
    assert "config.json (file)" not in rows(at, "Parameters")["Total"]


def test_without_accelerators_all_else_is_shown(sized_tree, open_page, texts):
    (sized_tree / "data/accelerators/zeta.yaml").unlink()
    at = open_page("size")
    assert "No accelerator has all values needed" in texts(at)
    assert len(at.get("plotly_chart")) == 5


@pytest.mark.integration
def test_real_configurations_of_every_shape(open_page, monkeypatch, real_kb):
    at = open_page("size")
    monkeypatch.setenv("MOE_KB_ROOT", str(real_kb.root))
    for models in ("deepseek-v3|671B,nllb|MoE-54B,jamba|v0.1", "longcat-flash|560B,jetmoe|8B"):
        at.query_params["models"] = models
        at.run(timeout=120)
        assert not at.warning, models

"""The page of sizes: settings, a change, files, and what cannot be sized."""

import json

import pytest
from config_files import RELEASED
from shown import tables
from trees import BARE, edit, size_alpha

from moe_kb.format import bytes_text
from moe_kb.importing.carried import pack


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
    assert (rows(at, "Parameters")["Total"]["Alpha 1B"], len(at.get("plotly_chart"))) == (f"{TOTAL:,}", 9)
    assert "no multi-token-prediction layers" in texts(at)
    devices = next(frame for frame in tables(at) if "peak" in frame.columns)
    assert (devices["name"].iloc[0], devices["Alpha 1B"].iloc[0]) == ("Zeta 9000", 1)
    claims = next(frame for frame in tables(at) if "value" in frame.columns)
    assert "80 GB" in set(claims["value"])
    said = texts(at)
    for title in ("Parameters", "Operations", "All-to-all", "Roofline on Zeta 9000"):
        assert title in said
    assert said.count("Excludes.") == 8


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
    assert "If you have its config.json, drop it below" in said
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


def as_list(value):
    """What the address gives under a name, once or several times."""
    return value if isinstance(value, list) else [value]


def upload(at, name, content):
    return at.file_uploader[0].set_value((name, content, "application/json")).run()


def test_a_config_is_sized_on_the_spot(sized_tree, open_page):
    at = upload(open_page("size"), "config.json", RELEASED["mixtral-8x7b"].encode())
    assert rows(at, "Parameters")["Total"]["config.json (file)"] == "46,702,792,704"
    assert sorted(path.name for path in (sized_tree / "data/models").iterdir()) == ["alpha.yaml"]


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        (json.dumps({"model_type": "mixtrall"}).encode(), ["model_type 'mixtrall' is not known; near it: mixtral"]),
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
    lines = error.value.replace("\\", "").removeprefix("config.json is not sized:").strip().splitlines()
    assert len(lines) == len(reasons)
    for reason in reasons:
        assert any(line.removeprefix("- ").startswith(reason) for line in lines)
    assert "<img" not in error.value.replace("\\<", "")
    assert "config.json (file)" not in rows(at, "Parameters")["Total"]
    assert "config" not in at.query_params


def test_an_unknown_type_is_one_line(sized_tree, open_page, texts):
    at = upload(open_page("size"), "config.json", json.dumps({"model_type": "unheard-of"}).encode())
    (error,) = at.error
    assert error.value.replace("\\", "") == "config.json is not sized: model_type 'unheard-of' is not known"
    assert "mixtral" in texts(at), "the list is folded away"
    assert not at.run().error, "said once"


def test_what_serves_it_stands_first(sized_tree, open_page):
    at = open_page("size", context="1024", batch="4", price="3,60")
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown["Devices"] == "1 × Zeta 9000"
    assert set(shown) >= {"Largest batch", "Tokens/s per user", "Tokens/s per device", "Time to first token"}
    assert shown["Price of 1M tokens"].startswith("≥ ")
    assert all(metric.help for metric in at.metric)
    table = rows(at, "Quantity")
    assert table["Devices"]["Alpha 1B"] == "1 × Zeta 9000"
    weights = 2 * TOTAL
    assert table["Weights on a device"]["Alpha 1B"] == bytes_text(weights)
    assert table["Reserve on a device"]["Alpha 1B"] == "8 GB"
    assert table["Left for KV cache on a device"]["Alpha 1B"] == bytes_text(80e9 * 0.9 - weights)
    assert "Largest batch at 1,024 tokens" in table
    at.slider(key="in-reserve").set_value(50).run()
    assert rows(at, "Quantity")["Reserve on a device"]["Alpha 1B"] == "40 GB"
    assert at.query_params["reserve"] == "50"


def test_what_nothing_serves_says_so(sized_tree, open_page):
    edit(sized_tree, "data/accelerators/zeta.yaml", "80 GB", "80 kB")
    at = open_page("size")
    assert any("do not hold a batch of 1" in note.value for note in at.warning)
    assert "do not hold" in rows(at, "Quantity")["Devices"]["Alpha 1B"]


@pytest.mark.parametrize("price", ["abc", "-1", "1e9", "nan", "٣", "<b>", "9" * 99])
def test_a_price_is_a_number(sized_tree, open_page, texts, price):
    at = open_page("size", price=price)
    assert "is no price: write a number like 2.50." in texts(at)
    assert "Price of 1M tokens" not in {metric.label for metric in at.metric}


def test_weights_are_as_released_unless_chosen(sized_tree, open_page):
    checkpoint = (
        "checkpoint: {dtype: bf16, method: fp8, formats: [{weight_type: fp, weight_bits: 8, modules: [experts]}]}"
    )
    edit(sized_tree, "data/models/alpha.yaml", "    d_model: 512", f"    d_model: 512\n    {checkpoint}")
    at = open_page("size")
    table = rows(at, "Quantity")
    assert table["Weight format"]["Alpha 1B"].startswith("fp8, one scale a matrix; embedding, head, queries")
    assert table["Weights"]["Alpha 1B"] == bytes_text(2 * TOTAL - 24 * EXPERT)
    at.selectbox(key="in-weights").set_value("bf16").run()
    assert rows(at, "Quantity")["Weights"]["Alpha 1B"] == bytes_text(2 * TOTAL)
    assert at.query_params["weights"] == "bf16"
    half = rows(at, "Quantity")["KV cache of a sequence on a device"]["Alpha 1B"]
    at.selectbox(key="in-cache").set_value("fp8").run()
    assert float(rows(at, "Quantity")["KV cache of a sequence on a device"]["Alpha 1B"].split()[0]) == pytest.approx(
        float(half.split()[0]) / 2, rel=0.01
    )


def test_a_type_that_is_not_reported_is_marked(sized_tree, open_page, texts):
    assert "the type of the weights is not reported, so bf16 is assumed" in texts(open_page("size"))


def test_a_link_carries_the_files(sized_tree, open_page):
    at = upload(open_page("size"), "first.json", RELEASED["mixtral-8x7b"].encode())
    at = upload(at, "second.json", RELEASED["deepseek-v3"].encode())
    words = at.query_params["config"]
    assert len(words) == 2
    fresh = open_page("size", config=words)
    total = rows(fresh, "Parameters")["Total"]
    assert (total["first.json (file)"], total["second.json (file)"]) == ("46,702,792,704", "671,026,404,352")
    assert rows(fresh, "Quantity")["Weight format"]["second.json (file)"].startswith("fp8, blocks of 128 x 128")
    next(button for button in fresh.button if button.label == "Remove").click().run()
    assert as_list(fresh.query_params["config"]) == words[1:]
    assert "first.json (file)" not in rows(fresh, "Parameters")["Total"]


def test_files_of_one_name_are_told_apart(sized_tree, open_page):
    words = [pack(RELEASED[name], "config.json") for name in ("mixtral-8x7b", "olmoe-1b-7b")]
    total = rows(open_page("size", config=words), "Parameters")["Total"]
    assert {"config.json (file 1)", "config.json (file 2)"} <= total.keys()


@pytest.mark.parametrize("word", ["", "x", "AAAA", "é<b>", "a" * 5000, pack(RELEASED["mixtral-8x7b"], "a")[:-9]])
def test_a_spoiled_link_is_one_clear_line(sized_tree, open_page, word):
    at = open_page("size", config=word)
    errors = [error.value for error in at.error]
    assert len(errors) == bool(word)
    assert all("is cut short or changed: ask for the link again" in error for error in errors)
    assert "Alpha 1B" in rows(at, "Parameters")["Total"]


def test_an_address_carries_so_many_files(sized_tree, open_page):
    words = [pack(RELEASED["mixtral-8x7b"], f"{n}.json") for n in range(9)]
    at = open_page("size", config=words)
    assert len([name for name in rows(at, "Parameters")["Total"] if "(file)" in name]) == 6
    at = upload(at, "more.json", RELEASED["olmoe-1b-7b"].encode())
    assert any("carries at most 6 files" in error.value for error in at.error)


def test_without_accelerators_all_else_is_shown(sized_tree, open_page, texts):
    (sized_tree / "data/accelerators/zeta.yaml").unlink()
    at = open_page("size")
    assert "No accelerator has all values needed" in texts(at)
    assert len(at.get("plotly_chart")) == 7
    assert not at.metric


@pytest.mark.integration
def test_real_configurations_of_every_shape(open_page, monkeypatch, real_kb):
    at = open_page("size")
    monkeypatch.setenv("MOE_KB_ROOT", str(real_kb.root))
    for models in ("deepseek-v3|671B,nllb|MoE-54B,jamba|v0.1", "longcat-flash|560B,jetmoe|8B"):
        at.query_params["models"] = models
        at.run(timeout=120)
        assert not at.warning, models

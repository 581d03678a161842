"""The command `size`: models, configurations, files, and everything that it refuses."""

import json

import pytest
from config_files import CONFIGS
from trees import BARE, size_alpha


@pytest.fixture
def sized(moe, tree):
    """`moe` on a tree whose model says all that its size depends on."""
    size_alpha(tree)
    return moe


def test_a_model_in_words_and_as_json(sized):
    # Embedding and head; four attentions; three layers of nine experts with a router; nine norms.
    expert, attention = 2 * 512 * 2048, 4 * 512 * 512
    total = 2 * 1000 * 512 + 4 * attention + expert + 3 * (9 * expert + 8 * 512) + 9 * 512
    result = sized("size", "alpha", "--json")
    assert result.status == 0
    report = result.json
    assert (report["name"], report["params_total"]) == ("alpha [1B]", total)
    assert report["params_active"] == total - 3 * 7 * expert
    assert report["params_active_excl_input_embedding"] == report["params_active"] - 1000 * 512
    assert [device["key"] for device in report["devices"]] == ["zeta"]
    words = sized("size", "model:alpha", "--configuration", "1B").out
    assert f"{total:,}" in words
    assert "no multi-token-prediction layers" in words
    assert "Zeta 9000" in words


def test_settings_reach_the_numbers(sized):
    one, other = (
        sized("size", "alpha", "--json", "--context", n, "--weights", f, "--expert-parallel", d, "--batch", 4).json
        for n, f, d in ((100, "bf16", 4), (200, "fp8", 3))
    )
    assert other["cache"]["bytes"] == 2 * one["cache"]["bytes"]
    assert (one["devices"][0]["arithmetic"], other["devices"][0]["arithmetic"]) == ("bf16", "fp8")
    assert one["all_to_all"]["expert_parallel"] == 4
    assert other["all_to_all"] is None
    assert other["setting"] | {"bytes_per_weight": 0} == {
        "context": 200, "batch": 4, "expert_parallel_degree": 3, "weights": "fp8", "bytes_per_weight": 0,
        "cache_bytes_per_number": 2,
    }  # fmt: skip
    assert "all-to-all on 3" not in sized("size", "alpha", "--expert-parallel", 3).out


def test_a_config_file(ask):
    report = ask("size", CONFIGS / "mixtral-8x7b.json", "--json").json
    assert report["name"] == "mixtral-8x7b.json"
    assert (report["params_total"], report["params_active"]) == (46_702_792_704, 12_879_925_248)


@pytest.mark.parametrize(("content", "message"), [
    ({"model_type": "nothing-known"}, "model_type 'nothing-known' is not known"), ("not json", "not JSON"),
    (b"\xff\xfe\x00", "not JSON"), ('{"model_type": "\ud800"}', "not JSON"),
])  # fmt: skip
def test_a_file_that_is_not_understood_says_why(ask, tmp_path, content, message):
    path = tmp_path / "config.json"
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    result = ask("size", path)
    assert result.status != 0
    assert message in result.err
    assert result.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "nothing"),
        (("alpha", "-c", "9B"), "alpha has no configuration 9B with layers"),
        (("alpha", "--accelerator", "abacus"), "no accelerator abacus"),
        (("alpha", "--weights", "int3"), "known: as-released, fp32, bf16"),
        (("alpha", "--context", "0"), "is not in the range"),
        (("missing.json",), "missing.json"),
        ((CONFIGS / "mixtral-8x7b.json", "-c", "1B"), "a config.json is one configuration"),
        (("alpha",), "tied_embeddings is not given; norm is not given"),
    ],
)
def test_what_cannot_be_sized_says_why(ask, arguments, message):
    result = ask("size", *arguments)
    assert result.status != 0
    assert message in " ".join(result.err.replace("│", " ").split())
    assert result.out == ""


def test_a_configuration_without_layers(moe, tree):
    (tree / "data/models/beta.yaml").write_text(BARE)
    result = moe("size", "beta")
    assert "its layers are not reported" in result.err
    assert result.status != 0


def test_what_serves_it_in_every_form(sized):
    arguments = ("size", "alpha", "--deploy", "--context", 1024, "--batch", 4, "--price", 2.5)
    words = sized(*arguments).out
    assert "1 × Zeta 9000" in words
    assert "Price of a million tokens" in words
    (found,) = sized(*arguments, "--json").json
    assert (found["name"], found["accelerator"], found["devices"]) == ("alpha [1B]", "zeta", 1)
    assert found["asked"]["batch"] == 4
    assert found["reserved_bytes"] == pytest.approx(8e9)
    (none,) = sized(*arguments, "--reserve", 0, "--json").json
    assert none["reserved_bytes"] == 0
    assert sized(*arguments, "--format", "markdown").out.startswith("| Zeta 9000 | alpha [1B] |")
    assert r"\begin{tabular}" in sized(*arguments, "--format", "latex").out
    assert "Devices,1 × Zeta 9000" in sized(*arguments, "--format", "csv").out


def test_models_and_files_are_compared(sized):
    found = sized("size", "alpha", CONFIGS / "deepseek-v3.json", CONFIGS / "gpt-oss-20b.json", "--json").json
    assert [size["name"] for size in found] == ["alpha [1B]", "deepseek-v3.json", "gpt-oss-20b.json"]
    assert [size["stored"]["format"] for size in found] == ["bf16", "fp8, blocks of 128 x 128", "mxfp4"]
    assert found[2]["stored"]["bytes"] == 13_761_264_768
    assert found[0]["stored"]["assumed"]


def test_a_cache_of_eight_bits_is_half(sized):
    two, one = (sized("size", "alpha", "--cache", form, "--json").json["cache"]["bytes"] for form in ("bf16", "fp8"))
    assert one == two / 2

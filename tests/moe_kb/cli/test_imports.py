"""`moe-kb import hf`: what it writes, what it prints, what it refuses."""

import json
import os
from pathlib import Path

import pytest
from config_files import RELEASED
from trees import FILES

CONFIG = {"model_type": "mixtral", "hidden_size": 16, "vocab_size": 100, "max_position_embeddings": 64}
CONFIG |= {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4, "hidden_act": "silu"}
CONFIG |= {"num_local_experts": 4, "num_experts_per_tok": 2, "intermediate_size": 32, "router_aux_loss_coef": 0.02}
# Embedding and head, attention and norms of each layer, experts and router, last norm.
TOTAL = 2 * 100 * 16 + 2 * (4 * 16 * 16 + 2 * 16 + 4 * 3 * 16 * 32 + 4 * 16) + 16
MODEL, SOURCE = "data/models/tiny.yaml", "data/sources/tiny-config.yaml"


@pytest.fixture
def tree(tree):
    """The fabricated tree with what an imported Mixtral refers to, in canonical form."""
    (tree / "data/sources/transformers-code.yaml").write_text(
        "key: transformers-code\nname: Code\ntitle: Code of invented models\ntype: repository\n"
    )
    design = FILES["data/designs/gating/beta-router.yaml"].replace("key: beta-router", "key: mixtral-top2-router")
    (tree / "data/designs/gating/mixtral-top2-router.yaml").write_text(design)
    return tree


@pytest.fixture
def config(tmp_path):
    """Write a `config.json` with some fields changed; its path."""

    def write(name="Tiny.json", **changes):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        fields = {field: value for field, value in {**CONFIG, **changes}.items() if value is not ...}
        path.write_text(json.dumps(fields))
        return path

    return write


def test_a_file_becomes_two_valid_records(moe, tree, config):
    assert moe("format").status == 0
    url = "https://example.org/tiny"
    result = moe("import", "hf", config(), "--url", url, "--version", "abc123", "--accessed", "2026-11")
    assert result.status == 0, result.err
    assert f"Tiny [{TOTAL:,}-A" in result.out
    assert f"{TOTAL:,} parameters" in result.out
    assert [line for line in result.out.splitlines() if line.startswith("wrote ")] == [
        f"wrote {tree / SOURCE}",
        f"wrote {tree / MODEL}",
    ]
    assert "tie_word_embeddings = False" in result.out
    assert (moe("check").status, moe("check").out) == (0, "")
    source = (tree / SOURCE).read_text()
    assert all(line in source for line in (f"url: {url}", "version: abc123", "accessed: 2026-11", "type: config"))
    assert "router_aux_loss_coef of the file" in (tree / MODEL).read_text()
    shown = moe("size", "tiny", "--json")
    assert shown.json["params_total"] == TOTAL
    other = moe("import", "hf", config())
    assert other.status == 2
    assert "model:tiny exists; its source:tiny-config differs in url, version, note" in other.err
    another = moe("import", "hf", config(hidden_size=32), "--label", "2 layers")
    assert another.status == 2
    assert "model:tiny exists" in another.err


def test_names_are_given_or_of_the_folder(moe, tree, config):
    assert moe("import", "hf", config(), "--name", "Small One", "--label", "2 layers").status == 0
    text = (tree / "data/models/small-one.yaml").read_text()
    assert "name: Small One" in text
    assert "label: 2 layers" in text
    assert moe("import", "hf", config("my-model/config.json")).status == 0
    assert (tree / "data/models/my-model.yaml").exists()


def test_configurations_are_added_by_the_models_key(moe, tree, config):
    alpha = tree / "data/models/alpha.yaml"
    alpha.write_text("# A comment that stays.\n" + alpha.read_text())
    assert moe("format").status == 0
    before = alpha.read_text()

    def refused(message, *options):
        result, before = moe("import", "hf", config(), *options), alpha.read_text()
        assert (result.status, alpha.read_text()) == (2, before)
        assert message in result.err

    refused("model:alpha exists. To add a configuration to it give --key alpha --label LABEL", "--name", "Alpha")
    refused("name the size", "--key", "alpha")
    assert alpha.read_text() == before
    assert moe("import", "hf", config(), "--key", "alpha", "--label", "Tiny").status == 0
    after = alpha.read_text()
    assert after.startswith("# A comment that stays.\n")
    assert "label: 1B" in after
    assert "label: Tiny" in after
    assert (tree / "data/sources/alpha-tiny-config.yaml").exists()
    assert moe("check").status == 0
    refused("has a configuration '1B'", "--key", "alpha", "--label", "1B")
    refused("is called 'Alpha'", "--key", "alpha", "--label", "New", "--name", "Beta")


def test_dry_runs_and_outputs_write_nothing_else(moe, tree, config, tmp_path):
    before = sorted(tree.rglob("*.yaml"))
    dry = moe("import", "hf", config(), "--dry-run")
    assert dry.status == 0
    assert "key: tiny-config" in dry.out
    assert "# data/models/tiny.yaml" in dry.out
    assert f"{TOTAL:,} parameters" in dry.err
    out = tmp_path / "out"
    assert moe("import", "hf", config(), "--output", out).status == 0
    assert (out / MODEL).exists()
    assert (out / SOURCE).exists()
    assert sorted(tree.rglob("*.yaml")) == before
    twice = moe("import", "hf", config(), "--output", out)
    assert (twice.status, twice.out.count("already there: ")) == (0, 2)
    (out / MODEL).write_text("key: tiny\n")
    broken = moe("import", "hf", config(), "--output", out)
    assert broken.status == 2
    assert "overwrites no file" in broken.err
    assert not list(out.rglob(".*"))


#: A new model by its file's name, by a key of its own, with a label; one more configuration of one that is there.
WAYS = ((), ("--key", "tiny"), ("--key", "tiny", "--label", "2 layers"), ("--key", "alpha", "--label", "Tiny"))


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
@pytest.mark.parametrize("half", ["source", "model", "both"])
def test_repeating_finishes_a_cut_short_import(moe, tree, config, way, half):
    assert moe("format").status == 0
    before = {path: path.read_text() for path in tree.rglob("*.yaml")}
    given = ("import", "hf", config(), "--url", "https://example.org/tiny", *way)
    assert moe(*given).status == 0
    after = {path: path.read_text() for path in tree.rglob("*.yaml")}
    changed = [path for path in after if before.get(path) != after[path]]
    assert len(changed) == 2
    for path in changed:
        if half != "both" and half not in str(path):
            path.unlink()
            if path in before:
                path.write_text(before[path])
    again = moe(*given)
    assert again.status == 0, again.err
    assert again.out.count("wrote ") == (half != "both")
    assert {path: path.read_text() for path in tree.rglob("*.yaml")} == after
    assert moe("check").status == 0


def test_a_half_that_differs_is_named(moe, tree, config):
    assert moe("import", "hf", config(), "--accessed", "2026-01").status == 0
    (tree / MODEL).unlink()
    again = moe("import", "hf", config(), "--version", "abc")
    assert (again.status, again.out) == (2, "")
    assert "source:tiny-config exists and differs in version" in again.err
    assert moe("import", "hf", config()).status == 0  # the month of the first reading stays
    assert "accessed: 2026-01" in (tree / SOURCE).read_text()
    (tree / SOURCE).unlink()
    other = moe("import", "hf", config(vocab_size=200), "--label", label(tree))
    assert (other.status, other.out) == (2, "")
    assert "differs in vocab_size, and an import changes none" in other.err
    assert not (tree / SOURCE).exists()


def label(tree):
    text = (tree / MODEL).read_text()
    return text.partition("label: ")[2].partition("\n")[0]


def test_records_too_large_to_read_are_refused(moe, tree, config):
    """Layers that all differ from their neighbours make a record of more values than a file may have."""
    kinds = ["full_attention", "sliding_attention"]
    fields = {"model_type": "gemma4_text", "layer_types": [kinds[n * n * n % 7 % 2] for n in range(1400)]}
    source = json.loads(RELEASED["gemma-4-26b-a4b"])["text_config"]
    path = config()
    path.write_text(json.dumps(source | fields | {"num_hidden_layers": 1400}))
    result = moe("import", "hf", path)
    assert result.status in (1, 2)
    assert result.err.count("\n") == 1
    assert not (tree / MODEL).exists()


def test_misunderstood_fields_are_listed_by_line(moe, tree, config):
    result = moe("import", "hf", config(a_new_field=3, another=[], intermediate_size=...))
    assert (result.status, result.out) == (1, "")
    assert result.err.splitlines() == [
        "Tiny.json: refused: a_new_field = 3 is not understood",
        "Tiny.json: refused: another = [] is not understood",
    ]
    silent = moe("import", "hf", config(intermediate_size=...))
    assert silent.err == "Tiny.json: refused: intermediate_size is needed, and the file does not give it\n"
    assert not (tree / MODEL).exists()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff\xfe", b'{"model_type": 3}', b'{"model_type": "gemma4_assistant"}', b" " * 4_000_001]
)
def test_what_is_no_config_is_refused(moe, tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    result = moe("import", "hf", path)
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith("x.json: refused: ")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_refused(moe, tmp_path, make, monkeypatch):
    monkeypatch.setattr("moe_kb.files.read_bounded.__kwdefaults__", {"patience": 0.1})
    make(tmp_path / "x.json")
    for command in (("import", "hf"), ("size",)):
        result = moe(*command, tmp_path / "x.json")
        assert (result.status > 0, result.out, result.err.count("\n")) == (True, "", 1)
        assert any(word in result.err for word in ("it is a folder", "it is a pipe", "it is a device"))


@pytest.mark.parametrize(("arguments", "message"), [
    (("--key", "../x"), "key cannot be"), (("--url", "example.org"), "url cannot be"),
    (("--accessed", "soon"), "accessed cannot be"), (("--name", "模型"), "no key can be made"),
    (("--output", "/proc/nowhere"), "/proc/nowhere"),
])  # fmt: skip
def test_bad_options_are_one_line(moe, config, arguments, message):
    result = moe("import", "hf", config(), *arguments)
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert message in result.err


def test_a_missing_file_is_one_line(moe):
    result = moe("import", "hf", "nowhere.json")
    assert (result.status, result.err) == (2, "moe-kb: nowhere.json: No such file or directory.\n")


def test_invalid_records_are_not_written(moe, tree, config):
    (tree / "data/sources/transformers-code.yaml").unlink()
    result = moe("import", "hf", config())
    assert result.status == 2
    assert "transformers-code" in result.err
    assert not (tree / MODEL).exists()

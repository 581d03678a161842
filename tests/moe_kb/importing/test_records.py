"""Imported files as records: written, read again and checked they say the same."""

import json
import shutil
from pathlib import Path

import pytest
from config_files import RELEASED

from moe_kb import yamlio
from moe_kb.checks import check_corpus, not_canonical
from moe_kb.corpus import Corpus
from moe_kb.importing import read_config
from moe_kb.importing.records import (
    ImportNameError,
    Origin,
    key_of,
    label_of,
    model_record,
    source_record,
    with_configuration,
)
from moe_kb.records import Model
from moe_kb.sizing import count

REPOSITORY = Path(__file__).resolve().parents[3]


def imported(name, source="a-config"):
    return read_config(RELEASED[name], source=source)


@pytest.mark.integration
def test_released_configs_come_back_as_written(tmp_path):
    for folder in ("data", "taxonomy"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    sizes = {}
    for name, text in RELEASED.items():
        key = f"imported-{name}"
        found = read_config(text, source=f"{key}-config")
        sizes[key] = count(found.architecture)
        source = source_record(f"{key}-config", Origin(name, accessed="2026-11"))
        model = model_record(key, name, label_of(sizes[key]), found)
        for record in (source, model):
            path = tmp_path / f"data/{record.KIND}s/{record.key}.yaml"
            path.write_text(yamlio.canonical_text(record), encoding="utf-8")
    assert len(sizes) == len(RELEASED)
    corpus = Corpus.load(tmp_path)
    assert check_corpus(corpus) == []
    again = {model.key: model for model in corpus.of(Model) if model.key in sizes}
    for key, size in sizes.items():
        assert count(again[key].configurations[0].architecture) == size
        assert not_canonical(tmp_path, f"data/models/{key}.yaml") is None


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Qwen3-Next 80B/A3B", "qwen3-next-80b-a3b"),
        ("DeepSeek-V3.2", "deepseek-v3.2"),
        ("..a--b..", "a-b"),
        ("Système (Ω) 1.", "systeme-1"),
        ("x" * 90, "x" * 80),
    ],
)
def test_a_key_is_made_from_a_name(name, key):
    assert key_of(name) == key


def test_a_name_without_a_letter_gives_no_key():
    with pytest.raises(ImportNameError, match="--key"):
        key_of("模型")


def test_a_label_says_all_and_active_parameters():
    assert label_of(count(imported("mixtral-8x7b").architecture)) == "47B-A13B"
    assert label_of(count(imported("granite-3.0-1b-a400m").architecture)) == "1.3B-A429M"


def test_claims_and_assumptions_have_the_file_as_source():
    config = json.loads(RELEASED["mixtral-8x7b"])
    del config["tie_word_embeddings"]
    found = read_config(json.dumps(config), source="a-config")
    model = model_record("a", "A", "B", found)
    (claim,) = model.claims
    assert (claim.source, claim.field, claim.value, claim.configuration) == ("a-config", "w_aux", 0.02, "B")
    assert claim.note.startswith("router_aux_loss_coef of the file")
    assert "tie_word_embeddings false" in model.configurations[0].architecture.note
    assert [(p.source, p.fields) for p in model.provenance] == [("a-config", ["name"])]


def test_configurations_are_added_at_the_end():
    first = model_record("a", "A", "one", imported("mixtral-8x7b", "one-config"))
    both = with_configuration(first, "two", imported("mixtral-8x22b", "two-config"))
    assert [c.label for c in both.configurations] == ["one", "two"]
    assert [(c.source, c.configuration) for c in both.claims] == [("one-config", "one"), ("two-config", "two")]
    assert len(first.configurations) == 1
    with pytest.raises(ImportNameError, match="has a configuration 'two'"):
        with_configuration(both, "two", imported("mixtral-8x7b"))


def test_a_source_without_an_address_says_so():
    assert "local file" in source_record("a-config", Origin("A")).note
    assert source_record("a-config", Origin("A", "https://example.org/a")).note is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: source_record("A config", Origin("A")), "key cannot be 'A config'"),
        (lambda: source_record("a-config", Origin("A", url="example.org")), "url cannot be 'example.org'"),
        (lambda: source_record("a-config", Origin("A", accessed="soon")), "accessed cannot be 'soon'"),
        (lambda: model_record("../a", "A", "B", imported("mixtral-8x7b")), "key cannot be '../a'"),
        (lambda: model_record("a", "", "B", imported("mixtral-8x7b")), "name cannot be ''"),
        (lambda: model_record("a", "A", "B\nC", imported("mixtral-8x7b")), "label cannot be"),
    ],
)
def test_invalid_names_are_refused_in_a_line(make, message):
    with pytest.raises(ImportNameError, match=message) as error:
        make()
    assert "\n" not in str(error.value)

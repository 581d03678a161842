"""Whatever is in a file, it is sized or refused at once, in a few short lines."""

import json
import random

import pytest
from config_files import RELEASED

from moe_kb.importing import RefusedError, read_config, read_config_file
from moe_kb.importing.hf import MAX_ENTRIES, MAX_REASONS
from moe_kb.records.architecture import MAX_LAYERS
from moe_kb.sizing import count

MIXTRAL = json.loads(RELEASED["mixtral-8x7b"])
GEMMA = json.loads(RELEASED["gemma-4-26b-a4b"])


def refusal(config):
    text = config if isinstance(config, str | bytes) else json.dumps(config)
    with pytest.raises(RefusedError) as refused:
        read_config(text, source="a-config")
    assert len(refused.value.reasons) <= MAX_REASONS + 1
    assert all(len(reason) < 2_000 and reason.isprintable() for reason in refused.value.reasons)
    return refused.value.reasons


def fields(number, *, value="0"):
    return ", ".join(f'"field{n}": {value}' for n in range(number))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f'{{{fields(220_000)}, "field7": 1}}', "given twice: field7"),
        (f'{{"a": [{{{fields(200_000)}, "field7": 1, "field9": 1}}]}}', "given twice: field7, field9"),
        (f"{{{fields(90_000)}, {fields(90_000)}}}", " and 89,960 more"),
        (f'{{"{"n" * 3_000_000}": 1, "{"n" * 3_000_000}": 1}}'[:3_999_999], "not JSON"),
        (f"{{{fields(120_000)}}}", "more than 200,000 keys and values"),
        (f'{{"a": [{"[], " * 900_000}[]]}}', "more than 200,000 keys and values"),
        ("[" * 3_000_000, "not JSON"),
        ('{"a": ' * 300 + "1" + "}" * 300, "nested deeper than 40 levels"),
        (f'{{"model_type": "{"x" * 3_000_000}"}}', "is not known"),
        (f'{{"model_type": {[["x"] * 10] * 1000}}}'.replace("'", '"'), "is not known"),
    ],
    ids=lambda value: value[:20],
)
def test_large_files_are_refused_in_a_line(text, why):
    (reason,) = refusal(text)
    assert why in reason


def test_only_the_first_of_many_fields_are_listed():
    reasons = refusal(MIXTRAL | {f"field{n}": "v" * 1_000 for n in range(3_000)})
    assert reasons[-1] == f"and {3_000 - MAX_REASONS:,} more"
    assert reasons[0] == f'field0 = "{"v" * 56}... is not understood'


@pytest.mark.parametrize(
    ("name", "shown"),
    [("x" * 1_000, "x" * 57 + "..."), ("a\nb", "a\\nb"), ("\x9b31m", "\\u009b31m"), ("\u202e", "\\u202e")],
)
def test_names_are_shown_short_and_printable(name, shown):
    (reason,) = refusal(MIXTRAL | {name: name})
    assert reason.startswith(f"{shown} = ")


@pytest.mark.parametrize("number", ["1" * 3_900_000, "1" * 5_000, "-" + "9" * 100, "0." + "3" * 3_900_000, "1e400"])
def test_numbers_of_many_digits_are_no_sizes(number):
    text = json.dumps(MIXTRAL)
    for field in ("hidden_size", "num_hidden_layers", "vocab_size", "num_local_experts", "router_aux_loss_coef"):
        reasons = refusal(text.replace(f'"{field}": {json.dumps(MIXTRAL[field])}', f'"{field}": {number}'))
        assert any(field in reason for reason in reasons)


@pytest.mark.parametrize("value", [10**9, 10**14, -(10**14), 1e308, -1e308, 0.5, [10**14] * 9, "9" * 50, {"a": 1}])
def test_numbers_beyond_any_model_are_refused(value):
    for field in ("hidden_size", "num_hidden_layers", "num_local_experts", "num_attention_heads"):
        places = (field, "d_model", "decoder.", "head_dim")
        assert any(place in reason for reason in refusal(MIXTRAL | {field: value}) for place in places)


def test_products_beyond_any_model_name_the_largest():
    (reason,) = refusal(MIXTRAL | {"intermediate_size": 10**12})
    assert reason.startswith("intermediate_size = 1000000000000: no model has ")


def test_claims_are_numbers():
    for value in ("x" * 5_000, [1], {}, True):
        (reason,) = refusal(MIXTRAL | {"router_aux_loss_coef": value})
        assert "not a number" in reason


def test_lists_longer_than_all_layers_are_refused():
    text = GEMMA["text_config"]
    for number in (MAX_LAYERS, 190_000):
        long = {"layer_types": ["full_attention"] * number, "num_hidden_layers": MAX_LAYERS}
        (reason,) = refusal(GEMMA | {"text_config": text | long})
        assert "layer_types" in reason
    assert MAX_LAYERS * len(text["layer_types"]) < MAX_ENTRIES


@pytest.mark.parametrize("name", sorted(RELEASED))
def test_every_layer_is_read_as_alone(name):
    """Parts that are the same in all layers are computed once; a layer's own parts must not be."""
    architecture = read_config(RELEASED[name], source="a-config").architecture
    again = read_config(RELEASED[name], source="a-config").architecture
    assert architecture == again
    assert count(architecture) == count(again)


def test_irregular_layers_keep_their_order():
    text = GEMMA["text_config"]
    kinds = [*random.Random(3).choices(["full_attention", "sliding_attention"], k=299), "full_attention"]
    irregular = GEMMA | {"text_config": text | {"layer_types": kinds, "num_hidden_layers": 300}}
    decoder = read_config(json.dumps(irregular), source="a-config").architecture.decoder
    assert [layer[0].window is None for layer in decoder.layers()] == [kind == "full_attention" for kind in kinds]


def test_files_and_pipes_are_read_alike(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(RELEASED["mixtral-8x7b"])
    assert read_config_file(path, source="s").architecture == read_config(path.read_bytes(), source="s").architecture
    with pytest.raises(RefusedError, match="it is a folder"):
        read_config_file(tmp_path, source="s")
    with pytest.raises(FileNotFoundError):
        read_config_file(tmp_path / "nowhere.json", source="s")

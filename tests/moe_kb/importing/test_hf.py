"""Reading a file: every field answered for, hostile input told in a line, nothing guessed."""

import json

import pytest

from moe_kb.importing import RefusedError, read_config
from moe_kb.importing.hf import MAX_BYTES
from moe_kb.records.architecture import MAX_LAYERS

CONFIG = {"model_type": "mixtral", "hidden_act": "silu", "max_position_embeddings": 64, "num_hidden_layers": 3}
CONFIG |= {"hidden_size": 16, "vocab_size": 50, "num_attention_heads": 4, "num_key_value_heads": 2}
CONFIG |= {"intermediate_size": 24, "num_local_experts": 4, "num_experts_per_tok": 2}
TEXT = {name: value for name, value in CONFIG.items() if name not in ("model_type", "num_local_experts")}
TEXT |= {"num_experts": 4, "moe_intermediate_size": 8, "head_dim": 4, "tie_word_embeddings": False}


def read(**changed):
    return read_config(json.dumps(CONFIG | changed), source="a-config")


def refusal(text):
    with pytest.raises(RefusedError) as refused:
        read_config(text, source="a-config")
    str(refused.value).encode()  # can be printed
    return refused.value.reasons


def test_what_a_file_says():
    found = read(router_aux_loss_coef=0.02, _name_or_path="a/b", torch_dtype="bfloat16")
    assert found.architecture.d_model == 16
    assert [group.n_layers for group in found.architecture.decoder.groups] == [3]
    assert (found.architecture.source, found.architecture.status) == ("a-config", "derived")
    assert found.claims == {"w_aux": (0.02, "router_aux_loss_coef")}
    assert found.family.model_types == ["mixtral"]


def test_omitted_fields_are_listed_as_assumed():
    assert read().assumed == {"tie_word_embeddings": False, "head_dim": None, "sliding_window": None}
    assert read(tie_word_embeddings=True).architecture.tied_embeddings is True
    assert "tie_word_embeddings" not in read(tie_word_embeddings=True).assumed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "an object of fields"),
        ("3", "an object of fields"),
        ("[" * 100_000, "not JSON"),
        ('{"model_type": "mixtral", "model_type": "mixtral"}', "given twice: model_type"),
        ('{"model_type": "mixtral", "rope_scaling": {"a": 1, "a": 2}}', "given twice: a"),
        ("{}", "model_type None is not known"),
        ('{"model_type": 3}', "model_type 3 is not known"),
        ('{"model_type": ["mixtral"]}', "is not known"),
        ('{"model_type": "mixtrall"}', "is not known; near it: mixtral"),
        ('{"model_type": "dots3_note_vision_encoder"}', "not read: an encoder of images"),
        (" " * (MAX_BYTES + 1), "larger than"),
    ],
)
def test_other_files_are_refused_in_a_line(text, why):
    (reason,) = refusal(text)
    assert why in reason
    assert "\n" not in reason


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"attention_flavour": "new"}, 'attention_flavour = "new" is not understood'),
        ({"x" * 3: list(range(100))}, "..."),
        ({"\ud800": 1}, "\\ud800 = 1 is not understood"),
        ({"add_cross_attention": True}, "add_cross_attention = true: this family has no encoder"),
        ({"num_experts_per_tok": 5}, "num_experts_per_tok is more than num_local_experts"),
        ({"hidden_act": "softplus"}, "no activation is known by the name 'softplus'"),
        ({"hidden_size": "16"}, "'16' is not a whole number"),
        ({"hidden_size": "a" * 10}, "is not a whole number"),
        ({"hidden_size": 16.5}, "16.5 is not a whole number"),
        ({"hidden_size": True}, "True is not a whole number"),
        ({"hidden_size": -16}, "d_model"),
        ({"hidden_size": None}, "hidden_size is needed, and the file gives it as null"),
        ({"hidden_size": [16]}, "is not a whole number"),
        ({"hidden_size": 10**19}, "is not a whole number"),
        ({"vocab_size": {}}, "vocab_size"),
        ({"num_attention_heads": 0}, "cannot be computed"),
        ({"num_hidden_layers": MAX_LAYERS + 1}, "a number of layers is 1 to 10,000"),
        ({"num_hidden_layers": 10**12}, "a number of layers is"),
        ({"num_hidden_layers": True}, "a number of layers is"),
        ({"num_hidden_layers": "3"}, "a number of layers is"),
        ({"num_hidden_layers": 2.5}, "a number of layers is"),
        ({"num_hidden_layers": 0}, "decoder"),
        ({"sliding_window": float("nan")}, "window"),
        ({"tie_word_embeddings": "yes"}, "tied_embeddings"),
    ],
)
def test_wrong_fields_are_named(changed, why):
    assert any(why in reason for reason in refusal(json.dumps(CONFIG | changed)))


def test_all_misunderstood_fields_are_listed_at_once():
    reasons = refusal(json.dumps(CONFIG | {"one": 1, "two": 2, "num_experts_per_tok": 9}))
    assert [reason.split(" ")[0] for reason in reasons] == ["one", "two", "num_experts_per_tok"]


@pytest.mark.parametrize("off", [None, False, 0, "", [], {}])
def test_refused_fields_may_be_off(off):
    assert read(add_cross_attention=off).architecture == read().architecture


@pytest.mark.parametrize(
    "field", sorted(CONFIG.keys() - {"model_type", "num_key_value_heads", "max_position_embeddings"})
)
def test_what_decides_is_never_filled_in(field):
    reasons = refusal(json.dumps({name: value for name, value in CONFIG.items() if name != field}))
    assert any(f"{field} is needed, and the file does not give it" in reason for reason in reasons)


def test_infinity_matters_only_in_sizes():
    assert read(rope_scaling=float("inf")).architecture == read().architecture


@pytest.mark.parametrize("size", ["Infinity", "1e999", "9" * 5000])
def test_numbers_beyond_reading_are_no_sizes(size):
    text = json.dumps(CONFIG).replace('"vocab_size": 50', f'"vocab_size": {size}')
    assert any("vocab_size" in reason for reason in refusal(text))


def test_other_names_of_a_field_are_one_field():
    other = {name: value for name, value in TEXT.items() if name != "num_experts"} | {"num_local_experts": 4}
    files = [json.dumps({"model_type": "qwen3_moe"} | fields) for fields in (TEXT, other)]
    one, two = (read_config(file, source="s").architecture for file in files)
    assert one == two
    (reason,) = refusal(json.dumps({"model_type": "qwen3_moe"} | TEXT | {"num_local_experts": 8}))
    assert reason == "num_local_experts = 8 and num_experts = 4 name the same thing"


def nested(inner, **outer):
    return json.dumps({"model_type": "qwen3_vl_moe", "text_config": inner} | outer)


def test_text_models_may_be_nested():
    flat = read_config(json.dumps({"model_type": "qwen3_vl_moe"} | TEXT), source="s").architecture
    assert read_config(nested(TEXT, vision_config={"hidden_size": 9}, anything=3), source="s").architecture == flat
    tied = {name: value for name, value in TEXT.items() if name != "tie_word_embeddings"}
    assert read_config(nested(tied, tie_word_embeddings=True), source="s").architecture.tied_embeddings is True


@pytest.mark.parametrize(
    ("inner", "outer", "why"),
    [
        (TEXT, {"hidden_size": 32}, "hidden_size is 32 for the whole and 16 for its text_config"),
        (3, {}, "text_config is not an object of fields"),
        (None, {}, "text_config is not an object of fields"),
        (TEXT | {"odd": 1}, {}, "odd = 1 is not understood"),
    ],
)
def test_a_whole_and_its_text_model_must_agree(inner, outer, why):
    assert refusal(nested(inner, **outer)) == (why,)


def test_the_maximum_of_layers_is_read():
    assert read(num_hidden_layers=MAX_LAYERS).architecture.decoder.n_layers == MAX_LAYERS

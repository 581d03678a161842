"""A configuration in an address: every released file comes back as it was, and nothing else gets in."""

import base64
import json
import zlib

import pytest
from config_files import RELEASED
from hypothesis import given
from hypothesis import strategies as st

from moe_kb.importing import RefusedError, read_config
from moe_kb.importing.carried import MAX_WORD, CarriedError, pack, unpack


def word_of(content):
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(content).encode())).decode().rstrip("=")


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_file_comes_back(name):
    word = pack(RELEASED[name], f"{name}.json")
    assert len(word) <= 1_500
    assert word.replace("-", "").replace("_", "").isalnum(), "an address writes it as it stands"
    label, read = unpack(word)
    first = read_config(RELEASED[name], source="upload")
    assert label == f"{name}.json"
    assert (read.architecture, read.claims) == (first.architecture, first.claims)
    assert pack(RELEASED[name], f"{name}.json") == word


def test_a_quantisation_of_hundreds_of_names():
    kept = [f"model.layers.{layer}.{part}" for layer in range(94) for part in ("mlp.gate", "input_layernorm")]
    quantisation = {"quant_method": "fp8", "weight_block_size": [128, 128], "modules_to_not_convert": kept}
    config = json.dumps(json.loads(RELEASED["qwen3-235b-a22b"]) | {"quantization_config": quantisation})
    _, read = unpack(pack(config, "config.json"))
    assert read.architecture.checkpoint == read_config(config, source="upload").architecture.checkpoint


def test_what_is_not_read_is_not_carried():
    plain = pack(RELEASED["mixtral-8x7b"], "a.json")
    labels = {"id2label": {str(n): "x" * 50 for n in range(1000)}, "torch_dtype": "bfloat16"}
    assert pack(json.dumps(json.loads(RELEASED["mixtral-8x7b"]) | labels), "a.json") == plain


def test_what_is_too_large_says_so():
    kept = [f"model.layers.{n % 32}.{n * 7919 % 1_000_003:x}{n * 104729 % 999_983:x}" for n in range(1500)]
    quantisation = {"quant_method": "fp8", "modules_to_not_convert": kept}
    config = json.dumps(json.loads(RELEASED["mixtral-8x7b"]) | {"quantization_config": quantisation})
    with pytest.raises(CarriedError, match="letters, and an address carries 4,000: it stays for this visit only"):
        pack(config, "config.json")


@pytest.mark.parametrize("word", [
    "", "x", "====", "é", "a" * (MAX_WORD + 1), word_of("text"), word_of([]), word_of(["a"]), word_of(["a", 3]),
    word_of([{}, {}]), word_of(["a", {}, 3]), base64.urlsafe_b64encode(b"no zlib").decode(),
    base64.urlsafe_b64encode(zlib.compress(b"no json")).decode(),
    base64.urlsafe_b64encode(zlib.compress(b"[" * 90_000)).decode(),
    base64.urlsafe_b64encode(zlib.compress(b" " * 3_000_000)).decode(),
    base64.urlsafe_b64encode(zlib.compress(b"\xff\xfe")).decode(),
    pack(RELEASED["mixtral-8x7b"], "a")[:-9], "AAAA" + pack(RELEASED["mixtral-8x7b"], "a"),
])  # fmt: skip
def test_any_other_word_is_one_clear_line(word):
    with pytest.raises(CarriedError, match=r"^the configuration in this address is cut short or changed: ask"):
        unpack(word)


def test_what_it_holds_is_read_like_a_file():
    with pytest.raises(RefusedError, match="model_type 'bert' is not known"):
        unpack(word_of(["a", {"model_type": "bert"}]))
    name, _ = unpack(word_of(["\u202e<b>\n" + "x" * 999, json.loads(RELEASED["mixtral-8x7b"])]))
    assert name == "<b>" + "x" * 75


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_no_word_does_harm(word):
    with pytest.raises((CarriedError, RefusedError)):
        unpack(word)

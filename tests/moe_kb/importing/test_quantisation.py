"""A file's quantisation: which matrices it is about, in which layout, and what is said where it is not understood."""

import json
import time

import pytest
from config_files import RELEASED

from moe_kb.importing import read_config
from moe_kb.sizing import size

LINEAR = ["query", "key-value", "attention-output", "experts", "shared", "dense"]


def read(quantisation, name="deepseek-v3", **fields):
    config = json.loads(RELEASED[name]) | {"quantization_config": quantisation} | fields
    return read_config(json.dumps(config), source="s").architecture.checkpoint


def layouts(checkpoint):
    return [
        (f.weight_type, f.weight_bits, f.block_rows, f.block_columns, f.block_bits, f.modules, f.layers)
        for f in checkpoint.formats
    ]


GROUP = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32, "symmetric": True}
NVFP4 = {"num_bits": 4, "type": "float", "group_size": 16}


def groups(weights, **more):
    group = {"targets": ["Linear"], "weights": weights}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": group}, "ignore": ["lm_head"]} | more


@pytest.mark.parametrize(("given", "layout"), [
    ({"quant_method": "fp8", "weight_block_size": [128, 128]}, ("fp", 8, 128, 128, 32)),
    ({"quant_method": "fp8", "weight_block_size": [64, 32], "scale_fmt": "ue8m0"}, ("fp", 8, 64, 32, 8)),
    ({"quant_method": "fp8", "weight_block_size": None}, ("fp", 8, 0, 0, 0)),
    ({"quant_method": "gptq", "bits": 4, "group_size": 128}, ("int", 4, 1, 128, 20)),
    ({"quant_method": "gptq", "bits": 3, "group_size": -1}, ("int", 3, 1, 0, 19)),
    ({"quant_method": "awq", "w_bit": 4, "q_group_size": 64, "zero_point": False}, ("int", 4, 1, 64, 16)),
    ({"quant_method": "auto-round", "bits": 2, "group_size": 64}, ("int", 2, 1, 64, 18)),
    ({"quant_method": "bitsandbytes", "load_in_4bit": True}, ("fp", 4, 1, 64, 32)),
    ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True}, ("fp", 4, 1, 64, 8)),
    ({"quant_method": "bitsandbytes", "load_in_8bit": True}, ("int", 8, 1, 0, 32)),
    (groups(GROUP), ("int", 4, 1, 32, 16)),
    (groups(GROUP | {"symmetric": False}), ("int", 4, 1, 32, 20)),
    (groups({"num_bits": 8, "type": "float", "strategy": "channel"}), ("fp", 8, 1, 0, 16)),
    (groups({"num_bits": 8, "type": "float", "strategy": "tensor"}), ("fp", 8, 0, 0, 0)),
    (groups({"num_bits": 8, "type": "float", "strategy": "block", "block_structure": "128x128"}),
     ("fp", 8, 128, 128, 32)),
    (groups(NVFP4, quant_method="modelopt"), ("fp", 4, 1, 16, 8)),
    (groups({"num_bits": 4, "type": "float", "group_size": 32, "scale_dtype": "torch.uint8"}), ("fp", 4, 1, 32, 8)),
    ({"quant_method": "modelopt", "quant_algo": "NVFP4", "exclude_modules": ["lm_head"]}, ("fp", 4, 1, 16, 8)),
])  # fmt: skip
def test_a_layout_of_every_method(given, layout):
    checkpoint = read(given)
    assert layouts(checkpoint) == [(*layout, LINEAR, None)]
    assert (checkpoint.dtype, checkpoint.method, checkpoint.note) == ("bf16", given["quant_method"], None)


def without(*modules):
    return [module for module in LINEAR if module not in modules]


@pytest.mark.parametrize(("kept", "modules"), [
    (["lm_head", "gate", "e_score_correction_bias"], LINEAR),
    (["self_attn"], without("query", "key-value", "attention-output")),
    (["model.layers.*.self_attn", "model.embed_tokens"], without("query", "key-value", "attention-output")),
    (["re:.*self_attn.*", "re:.*shared_experts.*", "re:.*mlp\\.(gate|up|gate_up|down)_proj.*"], ["experts"]),
    (["*.self_attn.o_proj", "*mlp.shared_experts*"], without("attention-output", "shared")),
    (["re:model\\.layers\\.\\d+\\.self_attn\\.kv_b_proj$"], without("key-value")),
    (["language_model.model.layers.*.mlp.experts.*"], without("experts")),
    (["vision_tower", "re:.*visual.*", "mtp.*"], LINEAR),
])  # fmt: skip
def test_listed_modules_are_kept(kept, modules):
    for given in ({"quant_method": "fp8", "modules_to_not_convert": kept}, groups(GROUP, ignore=[*kept, "lm_head"])):
        (layout,) = layouts(read(given))
        assert layout[5:] == (modules, None)


def test_layers_that_are_listed_are_kept():
    first = [f"model.layers.{layer}.mlp.experts.{expert}.up_proj" for layer in range(3, 61) for expert in range(9)]
    assert "experts" not in layouts(read({"quant_method": "fp8", "modules_to_not_convert": first}))[0][5]
    given = groups(NVFP4, ignore=["lm_head", "model.layers.0*", "model.layers.1.self_attn*", "model.layers.60."])
    found = {tuple(modules): layers for *_, modules, layers in layouts(read(given))}
    assert found["dense",] == [1, 2]
    assert found["experts", "shared"] == list(range(3, 60))
    assert found["query", "key-value", "attention-output"] == list(range(2, 60))
    listed = [f"model.layers.{layer}.mlp.gate" for layer in range(61)]
    assert layouts(read({"quant_method": "fp8", "modules_to_not_convert": listed}))[0][5:] == (LINEAR, None)


def test_a_layer_is_not_the_one_it_begins_like():
    found = layouts(read({"quant_method": "fp8", "modules_to_not_convert": ["model.layers.5", "lm_head"]}))
    layers = {module: layers for *_, modules, layers in found for module in modules}
    assert layers["query"] == [layer for layer in range(61) if layer != 5]
    assert layers["dense"] is None


def test_experts_of_four_bits_beside_eight():
    first, second = layouts(read({"quant_method": "fp8", "scale_fmt": "ue8m0"}, name="deepseek-v4-pro"))
    assert first[:6] == ("fp", 4, 1, 32, 8, ["experts"])
    assert second[:5] == ("fp", 8, 0, 0, 0)


def test_targets_are_names_too():
    given = {"quant_method": "modelopt", "config_groups": {
        "a": {"targets": ["model.layers.3.mlp.experts", "lm_head"], "weights": NVFP4},
        "b": {"targets": [f"model.layers.{n}.self_attn" for n in range(61)],
              "weights": {"num_bits": 8, "type": "float"}},
    }}  # fmt: skip
    found = {tuple(modules): (bits, layers) for _, bits, *_, modules, layers in layouts(read(given))}
    assert found == {
        ("experts",): (4, [3]), ("head",): (4, None), ("query", "key-value", "attention-output"): (8, None),
    }  # fmt: skip


def test_mlx_quantises_tables_too():
    config = json.loads(RELEASED["mixtral-8x7b"]) | {
        "quantization": {"group_size": 64, "bits": 4, "model.layers.0.self_attn.q_proj": {"group_size": 64, "bits": 8},
                         "lm_head": False}
    }  # fmt: skip
    checkpoint = read_config(json.dumps(config), source="s").architecture.checkpoint
    assert checkpoint.method == "mlx"
    found = {(bits, tuple(modules)): layers for _, bits, *_, modules, layers in layouts(checkpoint)}
    assert found[8, ("query",)] == [0]
    assert found[4, ("embedding", "query", "key-value", "attention-output", "experts")] is None


def test_a_model_within_a_model():
    config = json.loads(RELEASED["qwen3-vl-30b-a3b"])
    outer = config | {"quantization_config": {"quant_method": "fp8", "modules_to_not_convert": ["model.visual"]}}
    assert read_config(json.dumps(outer), source="s").architecture.checkpoint.method == "fp8"
    if "text_config" in config:
        inner = config | {"text_config": config["text_config"] | {"quantization_config": {"quant_method": "mxfp4"}}}
        assert read_config(json.dumps(inner), source="s").architecture.checkpoint.method == "mxfp4"


@pytest.mark.parametrize(("given", "note"), [
    ({"quant_method": "quark"}, "the quantisation quark is not understood"),
    ({"quant_method": "<b>\n\u202e"}, "the quantisation <b>?? is not understood"),
    ([4], "its quantisation is not an object of fields"),
    ({"quant_method": "gptq", "bits": "four"}, "bits of its quantisation is four, not 1 to 16 bits"),
    ({"quant_method": "gptq", "bits": 10**30}, "bits of its quantisation is"),
    ({"quant_method": "gptq", "bits": 4, "group_size": 0}, "group_size of its quantisation is 0"),
    ({"quant_method": "gptq", "bits": 4, "dynamic": {"+:.*mlp": {"bits": 8}}}, "gives some modules other bits"),
    ({"quant_method": "fp8", "weight_block_size": "x"}, "is not rows and columns"),
    ({"quant_method": "fp8", "modules_to_not_convert": {"a": 1}}, "the modules of its quantisation are no list"),
    ({"quant_method": "fp8", "modules_to_not_convert": ["re:(a+)+$"]}, "the pattern (a+)+$ of its quantisation is not"),
    ({"quant_method": "fp8", "modules_to_not_convert": ["a" * 500]}, "more than 200 signs"),
    ({"quant_method": "compressed-tensors"}, "gives no config_groups"),
    (groups({"num_bits": 4, "strategy": "odd"}), "the strategy odd of its quantisation is not understood"),
    (groups(None), "has no group of weights"),
    ({"quant_method": "bitsandbytes"}, "says neither 4 nor 8 bits"),
])  # fmt: skip
def test_what_is_not_understood_is_said(given, note):
    checkpoint = read(given)
    assert note in checkpoint.note
    assert checkpoint.formats == []


def test_no_pattern_takes_long():
    hostile = ["*" * 90 + "b", "*a" * 100, "re:" + ".*" * 90, *(f"re:.*x{n}(a|b|c|d).*" for n in range(900))]
    layers = [f"model.layers.{n}.{'*a' * 60}{n}" for n in range(3000)]
    started = time.process_time()
    read({"quant_method": "fp8", "modules_to_not_convert": hostile})
    read({"quant_method": "fp8", "modules_to_not_convert": layers})
    assert time.process_time() - started < 20, "no pattern takes exponential time"


def test_a_type_alone_is_kept():
    config = json.loads(RELEASED["mixtral-8x7b"])
    for name, dtype in (("torch.float16", "fp16"), ("float32", "fp32"), ("bfloat16", "bf16")):
        found = read_config(json.dumps(config | {"torch_dtype": name}), source="s").architecture.checkpoint
        assert (found.dtype, found.formats, found.method) == (dtype, [], None)
    silent = {field: value for field, value in config.items() if field not in ("torch_dtype", "dtype")}
    assert read_config(json.dumps(silent), source="s").architecture.checkpoint is None
    assert size(read_config(json.dumps(silent), source="s").architecture).stored.assumed

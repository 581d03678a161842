"""What is easily read wrongly, family by family: `traps.yaml` says what it is, and what an import must make of it."""

import json
from pathlib import Path

import pytest
import yaml
from config_files import RELEASED

from moe_kb.importing import RefusedError, read_config
from moe_kb.importing.expressions import Expression
from moe_kb.sizing import count

FILES = yaml.safe_load(Path(__file__).with_name("traps.yaml").read_text())["files"]


def cases(kind):
    found = []
    for file in FILES:
        name = file["of"] if isinstance(file["of"], str) else file["of"]["model_type"]
        fields = json.loads(RELEASED[name]) if isinstance(file["of"], str) else file["of"]
        for case in file.get(kind, []):
            found.append(pytest.param(fields, *(case if isinstance(case, list) else [case]), id=name))
    return found


def changed(fields, change):
    """Fields with a change merged in, mapping by mapping."""
    merged = {name: value for name, value in fields.items() if name not in change.get("absent", [])}
    for name, value in change.items():
        inner = merged.get(name)
        if name != "absent":
            merged[name] = (
                changed(inner if isinstance(inner, dict) else {}, value) if isinstance(value, dict) else value
            )
    return merged


def imported(fields, change):
    return read_config(json.dumps(changed(fields, change)), source="a-config")


def value_at(found, path):
    """What an import says at a path; see `traps.yaml`."""
    architecture, (head, _, rest) = found.architecture, path.partition(".")
    if head == "claims":
        return found.claims.get(rest)
    if head == "size":
        return attribute(count(architecture).parts[rest.partition(".")[0]], rest.partition(".")[2])
    if head == "encoder":
        layers, (head, _, rest) = list(architecture.encoder.layers()), rest.partition(".")
    elif head in type(architecture).model_fields:
        return attribute(architecture, path)
    else:
        layers = list(architecture.decoder.layers())
    if head == "kinds":
        return [" ".join(sublayer.kind for sublayer in layer) for layer in layers]
    if head == "last":
        return [layer[-1].kind for layer in layers]
    return [attribute(sublayer, rest) for layer in layers for sublayer in layer if sublayer.kind == head]


def attribute(value, path):
    for name in path.split("."):
        value = [getattr(item, name) for item in value] if isinstance(value, list) else getattr(value, name, None)
    return value


def number(text):
    return text if isinstance(text, int) else Expression(text).value({}.__getitem__)


@pytest.mark.parametrize(("fields", "why", "change"), cases("refused"))
def test_misleading_fields_are_refused_by_name(fields, why, change):
    with pytest.raises(RefusedError) as refused:
        imported(fields, change)
    assert why in str(refused.value)


@pytest.mark.parametrize(("fields", "change", "expected"), cases("read"))
def test_fields_mean_what_the_code_does(fields, change, expected):
    found = imported(fields, change)
    for path, value in expected.items():
        at = value_at(found, path)
        if path.startswith("size."):
            assert at == number(value), path
        elif isinstance(value, list):
            assert list(at[: len(value)]) == value, path
        elif isinstance(at, list):
            assert at == [value] * len(at) != [], path
        else:
            assert at == value, path


@pytest.mark.parametrize(("fields", "change", "growth"), cases("grows"))
def test_parameters_grow_by_what_is_added(fields, change, growth):
    with_it, without = (count(imported(fields, one).architecture).total for one in (change, {}))
    assert with_it - without == number(growth)


@pytest.mark.parametrize(("fields", "change"), cases("same"))
def test_other_spellings_read_the_same(fields, change):
    assert imported(fields, change).architecture == imported(fields, {}).architecture


@pytest.mark.parametrize(
    ("name", "field", "entries", "why"),
    [
        ("deepseek-v3.2", "mlp_layer_types", ["dense"] * 2 + ["sparse"] * 59, "contradict each other"),
        ("deepseek-v3.2", "mlp_layer_types", ["wide"] * 61, "'wide' is none of"),
        ("deepseek-v4-pro", "compress_ratios", [8] * 62, "8 is none of 0, 4, 128"),
        ("trinity-nano", "layer_types", ["full_attention"] * 56, "none of 'sliding_attention'"),
        ("gemma-4-26b-a4b", "layer_types", ["linear"] * 30, "'linear' is none of"),
        ("minimax-text-01", "attn_type_list", [2] * 80, "2 is none of 0, 1"),
    ],
)
def test_lists_of_layers_are_checked(name, field, entries, why):
    config = json.loads(RELEASED[name])
    inner = config.get("text_config", config)
    inner[field] = entries
    if why.startswith("'wide'"):
        inner["first_k_dense_replace"] = None
    with pytest.raises(RefusedError) as refused:
        imported(config, {})
    assert why in str(refused.value)


def test_last_layers_differ_from_the_lists():
    """Gemma 4 ends in full attention whatever its list says; DeepSeek-V4's last ratio is of no layer of the stack."""
    gemma = json.loads(RELEASED["gemma-4-26b-a4b"])
    found = imported(gemma, {"text_config": {"layer_types": ["sliding_attention"] * 30}})
    assert value_at(found, "attention.window")[-2:] == [1024, None]
    assert value_at(imported(json.loads(RELEASED["deepseek-v4-pro"]), {}), "compressed-attention.ratio")[-1] == 4


def test_kimi_linear_counts_its_layers_from_one():
    config = json.loads(RELEASED["kimi-linear-48b-a3b"])
    full = [layer for layer in range(2, 28) if layer % 4 == 1]
    lists = {"full_attn_layers": full, "kda_layers": [layer for layer in range(1, 28) if layer not in full]}
    nested = lists | {"head_dim": 128, "num_heads": 32, "short_conv_kernel_size": 4}
    absent = ["layer_types", "linear_head_dim", "linear_num_heads", "linear_conv_kernel_dim"]
    found = imported(config, {"absent": absent, "linear_attn_config": nested})
    assert found.architecture.decoder == imported(config, {}).architecture.decoder
    with pytest.raises(RefusedError, match="linear_attn_config"):
        imported(config, {"absent": absent, "linear_attn_config": nested | {"kda_layers": lists["kda_layers"][1:]}})

"""Fields of config.json files, made up or of released models, and what an import makes of them."""

from __future__ import annotations

import json
from pathlib import Path

from moe_kb.importing import read_config
from moe_kb.sizing import count

CONFIGS = Path(__file__).parent / "moe_kb/importing/configs"
RELEASED = {path.stem: path.read_text() for path in sorted(CONFIGS.glob("*.json"))}
SMALL = {
    "hidden_size": 16,
    "vocab_size": 50,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 4,
    "hidden_act": "silu",
    "max_position_embeddings": 64,
    "intermediate_size": 24,
    "num_experts": 6,
    "num_experts_per_tok": 2,
    "tie_word_embeddings": False,
}
SLIDING = SMALL | {"sliding_window": 32}
MAMBA = {"mamba_d_state": 4, "mamba_d_conv": 3, "mamba_expand": 2}


def architecture(model_type, fields, **changed):
    config = {"model_type": model_type, **fields, **changed}
    given = {name: value for name, value in config.items() if value is not ...}  # `...` leaves a field out
    return read_config(json.dumps(given), source="a-config").architecture


def total(model_type, fields, **changed):
    return count(architecture(model_type, fields, **changed)).total


def layers(model_type, fields, **changed):
    return list(architecture(model_type, fields, **changed).decoder.layers())


def kinds(model_type, fields, **changed):
    return [" ".join(part.kind for part in layer) for layer in layers(model_type, fields, **changed)]


def released(name, **changed):
    config = json.loads(RELEASED[name]) | changed
    return {field: value for field, value in config.items() if field != "model_type"}

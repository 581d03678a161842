"""The exact settings of sublayers."""

import typing

import pytest
import small
from small import architecture

from moe_kb.fields import FIELDS
from moe_kb.pictures.settings import ACTIVATIONS, KINDS, LABELS, facts, layer_table
from moe_kb.records import sublayers
from moe_kb.records.sublayers import Activation, AnySublayer

MEMBERS = typing.get_args(typing.get_args(AnySublayer)[0])


def test_every_field_and_value_has_a_label():
    parts = (*MEMBERS, sublayers.Router, sublayers.Indexer, sublayers.SharedExperts, sublayers.ZeroExperts)
    assert {name for part in parts for name in part.model_fields} <= set(LABELS) | set(FIELDS)
    kinds = {kind for member in MEMBERS for kind in typing.get_args(member.model_fields["kind"].annotation)}
    assert kinds == set(KINDS)
    assert set(typing.get_args(Activation)) == set(ACTIVATIONS)


MOE = small.MOE | {
    "d_expert": {"printed": "4*d_model", "value": 256},
    "shared": {"count": 1, "d_expert": 128},
    "zero": {"count": 2, "kind": "identity"},
    "router": {"score": "softmax", "renormalise": True, "selection_bias": False},
    "expert_weights": [{"name": "w", "shape": [3, 1024]}],
}


def test_a_table_counts_equal_layers_together():
    groups = [{"repeat": 2, "sublayers": [small.MAMBA, MOE]}, {"sublayers": [small.ATTENTION]}, {"sublayers": [MOE]}]
    rows = layer_table(architecture(decoder={"groups": groups}))
    assert {row.layers for row in rows if row.sublayer == "MoE layer"} == {3}
    settings = {row.setting: row.value for row in rows if row.sublayer == "MoE layer"}
    assert settings["Expert width"] == "256 (4*d_model)"
    assert settings["Shared experts: number"] == "1"
    assert settings["Zero-computation experts: kind"] == "identity"
    assert settings["Router: weights renormalised"] == "yes"
    assert settings["Router: bias for the choice only"] == "no"
    assert settings["Other tensor of an expert: w"] == "3 × 1,024"
    assert settings["Activation"] == "SwiGLU"


@pytest.mark.parametrize("field", ["cross", "window", "shares_kv_with_previous", "kind"])
def test_what_is_not_stated_is_left_out(field):
    (attention,) = architecture(small.ATTENTION).decoder.groups[0].sublayers
    assert LABELS.get(field, field) not in dict(facts(attention))

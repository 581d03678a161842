"""The family tables: each is whole in itself, and slips in one are told."""

import pytest
from pydantic import ValidationError

from moe_kb.importing.expressions import FUNCTIONS
from moe_kb.importing.family import Family, common, families, names_in

TABLES = {id(family): family for family in families().values()}.values()
SMALLEST = {"model_types": ["some"], "code": "modeling_some.py", "architecture": {"d_model": "=hidden_size"}}


def name_of(family):
    return family.model_types[0]


def names_of(part):
    if isinstance(part, str):
        return names_in(part)
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return {name for value in inner for name in names_of(value)}


DECISIVE = """hidden_size vocab_size num_hidden_layers num_attention_heads moe_intermediate_size num_experts
num_local_experts n_routed_experts num_experts_per_tok"""


@pytest.mark.parametrize("family", TABLES, ids=name_of)
def test_tables_are_whole_in_themselves(family):
    harmless, refused, aliases = set(family.harmless), set(family.refused), set(family.aliases)
    assert not harmless & refused
    assert not aliases & set(family.aliases.values())
    assert len(harmless) == len(family.harmless)
    assert not (family.used - aliases) & harmless
    assert not names_of(family.architecture) & refused
    assert set(family.defaults) <= family.used
    assert set(family.let) <= family.names
    assert not [name for name in DECISIVE.split() if isinstance(family.defaults.get(name), int)], "decides a size"


def test_types_that_are_not_read_have_no_table():
    assert not set(common().refused_types) & set(families())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"architecture": {"d_model": "=hidden_size +"}}, "is not an expression"),
        ({"architecture": {"d_model": "=eval(hidden_size)"}}, "eval is not a function"),
        ({"checks": [{"that": "=a", "otherwise": "b", "where": "c"}]}, "Extra inputs"),
        ({"model_types": []}, "at least 1 item"),
        ({"fields": {}}, "Extra inputs"),
    ],
)
def test_slips_in_tables_are_named(change, why):
    with pytest.raises((ValidationError, ValueError), match=why):
        assert Family.model_validate(SMALLEST | change).names  # expressions are parsed when they are asked for


def test_names_of_functions_are_not_fields():
    family = Family.model_validate(SMALLEST | {"architecture": {"d_model": "=max(hidden_size, 1)"}})
    assert family.used == {"hidden_size"}
    assert "max" in FUNCTIONS

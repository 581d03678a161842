"""The family tables: each is whole in itself, and slips in one are told."""

import pytest
from pydantic import ValidationError

from moe_kb.importing.expressions import FUNCTIONS
from moe_kb.importing.family import Family, common, families, names_in

TABLES = {id(family): family for family in families().values()}.values()
SMALLEST = {"model_types": ["some"], "code": "modeling_some.py", "architecture": {"d_model": "=hidden_size"}}


def name_of(family):
    return family.model_types[0]


@pytest.mark.parametrize("family", TABLES, ids=name_of)
def test_fields_are_in_one_list_only(family):
    assert not set(family.harmless) & set(family.refused)
    assert not set(family.aliases) & set(family.aliases.values())
    assert len(set(family.harmless)) == len(family.harmless)


@pytest.mark.parametrize("family", TABLES, ids=name_of)
def test_used_fields_are_neither_harmless_nor_refused(family):
    used = family.used - set(family.aliases)
    assert not used & set(family.harmless)
    assert not names_of(family.architecture) & set(family.refused)


def names_of(part):
    if isinstance(part, dict):
        return {name for inner in part.values() for name in names_of(inner)}
    if isinstance(part, list):
        return {name for inner in part for name in names_of(inner)}
    return names_in(part) if isinstance(part, str) else set()


@pytest.mark.parametrize("family", TABLES, ids=name_of)
def test_defaults_and_own_names_are_used(family):
    assert set(family.defaults) <= family.used
    assert set(family.let) <= family.names


@pytest.mark.parametrize("family", TABLES, ids=name_of)
def test_what_decides_a_size_has_no_default(family):
    decisive = {"hidden_size", "vocab_size", "num_hidden_layers", "num_experts", "num_local_experts"}
    decisive |= {"n_routed_experts", "num_experts_per_tok", "moe_intermediate_size", "num_attention_heads"}
    assert not [name for name in decisive if isinstance(family.defaults.get(name), int)]


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

"""Sizing of every configuration that somebody counted on the built model: equal to the parameter."""

import pytest
from trees import RECORDS

from moe_kb.corpus import Corpus
from moe_kb.records import Model
from moe_kb.sizing import Parameters, count

pytestmark = pytest.mark.integration

COUNTED = "transformers-count"
FIELDS = {
    "params_total": lambda p: p.total,
    "params_active": lambda p: p.active,
    "params_active_excl_input_embedding": lambda p: p.active_excl_input_embedding,
    "params_active_excl_embeddings_and_head": lambda p: p.active_excl_embeddings_and_head,
    "params_total_excl_embeddings_and_head": lambda p: p.total_excl_embeddings_and_head,
    "params_embedding": lambda p: p.parts["embedding"].total,
    "params_output_head": lambda p: p.parts["head"].total,
    "params_routed_experts": lambda p: p.parts["routed"].total,
    "params_routed_experts_active": lambda p: p.parts["routed"].active,
}


def counted() -> list[tuple[str, str, Parameters, dict[str, int]]]:
    """Model, configuration, what is computed and what was counted."""
    found = []
    for record in Corpus.load(RECORDS).of(Model):
        for configuration in record.configurations or []:
            claims = {
                claim.field: claim.value
                for claim in record.claims
                if claim.source == COUNTED and claim.configuration == configuration.label and claim.field in FIELDS
                and claim.scope == "text-model-without-mtp"
            }  # fmt: skip
            if configuration.architecture and claims:
                found.append((record.key, configuration.label, count(configuration.architecture), claims))
    return found


@pytest.fixture(scope="module")
def models():
    return counted()


def test_fifty_configurations_were_counted(models):
    assert len(models) >= 50


@pytest.mark.parametrize("field", FIELDS)
def test_computed_equals_counted(models, field):
    different = {
        f"{key} [{label}]": (FIELDS[field](parameters), claims[field])
        for key, label, parameters, claims in models
        if FIELDS[field](parameters) != claims[field]
    }
    assert different == {}

"""Configurations of released models: imported as they are recorded, or refused with the reason."""

import json
from pathlib import Path

import pytest
from config_files import RELEASED

from moe_kb.corpus import Corpus
from moe_kb.importing import RefusedError, read_config
from moe_kb.records import Architecture, Model
from moe_kb.sizing import count

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def recorded() -> dict[str, Architecture]:
    """Architectures of the knowledge base by the key of the configuration file they were read from."""
    return {
        configuration.architecture.source: configuration.architecture
        for model in Corpus.load(REPOSITORY).of(Model)
        for configuration in model.configurations
        if configuration.architecture
    }


def layers_of(architecture):
    """Everything that was read of it, layers written out, without who says so."""
    not_read = {"source", "locator", "interpretation", "status", "note"}
    said = architecture.model_dump(exclude={*not_read, *architecture.stacks})
    return said | {
        name: [[part.model_dump(exclude_none=True) for part in layer] for layer in stack.layers()]
        for name, stack in architecture.stacks.items()
    }


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_config_is_imported_as_it_is_recorded(name, recorded):
    found = read_config(RELEASED[name], source=f"{name}-config").architecture
    assert count(found) == count(recorded[f"{name}-config"])
    assert layers_of(found) == layers_of(recorded[f"{name}-config"])


def test_what_is_not_understood_is_refused_by_name():
    config = json.loads(RELEASED["yuan2-m32"])
    for field, value in (("use_shareqk", True), ("use_moe", False), ("a_field_of_tomorrow", 3)):
        with pytest.raises(RefusedError, match=field):
            read_config(json.dumps({**config, field: value}), source="a-config")


def test_no_number_is_assumed_that_decides_a_size():
    """A file that leaves out a width is refused, not filled in."""
    config = json.loads(RELEASED["mixtral-8x7b"])
    for field in ("hidden_size", "num_hidden_layers", "num_local_experts", "num_experts_per_tok", "vocab_size"):
        with pytest.raises(RefusedError, match=field):
            read_config(json.dumps({name: value for name, value in config.items() if name != field}), source="s")

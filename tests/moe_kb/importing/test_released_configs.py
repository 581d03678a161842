"""Configurations of released models: imported as they are recorded, or refused with the reason."""

from pathlib import Path

import pytest
from config_files import RELEASED

from moe_kb.corpus import Corpus
from moe_kb.importing import read_config
from moe_kb.records import Architecture, Model
from moe_kb.sizing import count

pytestmark = pytest.mark.integration

RECORDS = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def recorded() -> dict[str, Architecture]:
    """Architectures of the knowledge base by the key of the configuration file they were read from."""
    return {
        configuration.architecture.source: configuration.architecture
        for model in Corpus.load(RECORDS).of(Model)
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
def test_released_configs_are_imported_as_recorded(name, recorded):
    found = read_config(RELEASED[name], source=f"{name}-config").architecture
    assert count(found) == count(recorded[f"{name}-config"])
    read, noted = layers_of(found), layers_of(recorded[f"{name}-config"])
    if read["checkpoint"] and read["checkpoint"]["dtype"] is None:
        noted["checkpoint"]["dtype"] = None  # the file leaves it open, and the record has it from elsewhere
    assert read == noted

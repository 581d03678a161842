"""Small configs and the layers and models made from them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from reference_impls.catalogue import entries, find
from reference_impls.config import MultitaskConfig, RunConfig
from reference_impls.entry import Entry

TINY: dict[str, Any] = {
    "steps": 6, "batch_size": 4, "sequence_length": 32, "d_model": 16, "n_layers": 2, "n_heads": 2,
    "d_expert": 24, "domain_bytes": 40_000, "validation_every": 3, "validation_sequences": 8, "threads": 1,
    "warmup_steps": 2,
}  # fmt: skip
TYPICAL = ("switch-top1-router", "gshard-top2", "mixtral-top2-router", "deepseek-v3-router")


def _tiny(entry: Entry, changes: dict[str, Any]) -> RunConfig:
    values = TINY | changes
    own = {name: values.pop(name) for name in entry.layer_class.model_fields if name in values}
    if values.get("task") == "clusters" and issubclass(entry.layer_class, MultitaskConfig):
        own.setdefault("n_tasks", 16)  # a cluster is a task
    layer = entry.layer_class.with_experts(own.pop("n_experts", 4), **own)
    return entry.config_class(**values, layer=layer)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    # Some of torch's warnings come once a process: which test heard them would depend on the order.
    torch.set_warn_always(True)
    torch.manual_seed(0)


@pytest.fixture
def tiny() -> dict[str, Any]:
    """Fields of a config that trains in about a second."""
    return {**TINY, "n_experts": 4}


@pytest.fixture
def tiny_of() -> Callable[..., dict[str, Any]]:
    """All fields of such a config of one implementation, with changes."""
    return lambda key, **changes: _tiny(find(key), changes).flat()


@pytest.fixture(params=[entry.key for entry in entries()])
def entry(request: pytest.FixtureRequest) -> Entry:
    """Every implementation in turn."""
    return find(request.param)


@pytest.fixture(params=TYPICAL)
def typical(request: pytest.FixtureRequest) -> Entry:
    """A few implementations, for what does not depend on the design."""
    return find(request.param)


@pytest.fixture
def tiny_config() -> Callable[..., RunConfig]:
    """Makes an implementation's tiny config, with changes."""
    return lambda entry, **changes: _tiny(entry, changes)

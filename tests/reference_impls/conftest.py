"""Small configs and the layers and models made from them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from reference_impls.catalogue import entries
from reference_impls.configs import RunConfig, check_config
from reference_impls.entry import Entry

TINY: dict[str, Any] = {
    "steps": 6, "batch_size": 4, "sequence_length": 32, "d_model": 16, "n_layers": 2, "n_heads": 2,
    "n_experts": 4, "d_expert": 24, "domain_bytes": 40_000, "validation_every": 3,
    "validation_sequences": 8, "threads": 1, "warmup_steps": 2,
}  # fmt: skip
# What a design needs besides, where its defaults do not go with four experts.
TINY_OF: dict[str, dict[str, Any]] = {"deepseek-v3": {"n_groups": 2, "top_groups": 1, "experts_per_token": 2}}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def tiny() -> dict[str, Any]:
    """Fields of a config that trains in about a second."""
    return dict(TINY)


@pytest.fixture
def tiny_of() -> Callable[[str], dict[str, Any]]:
    """The same for one implementation, with what it needs besides."""
    return lambda key: TINY | TINY_OF.get(key, {})


@pytest.fixture(params=[entry.key for entry in entries()])
def entry(request: pytest.FixtureRequest) -> Entry:
    """Every implementation in turn."""
    return next(entry for entry in entries() if entry.key == request.param)


@pytest.fixture
def tiny_config(entry: Entry) -> Callable[..., RunConfig]:
    """Makes the implementation's tiny config, with changes."""
    return lambda **changes: check_config(entry.config_class, TINY | TINY_OF.get(entry.key, {}) | changes)

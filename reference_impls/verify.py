"""Every check of an implementation, one after the other."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import torch

from reference_impls import checks
from reference_impls.checks.check import Check
from reference_impls.checks.common import clusters, common_checks
from reference_impls.entry import Entry


class MissingOracleError(Exception):
    """A library that the design is checked against is not installed."""


def verify(entry: Entry, *, train: bool = True) -> Iterator[Check]:
    """What every design is asked, then what this one alone is asked, then training on the clustered task.

    Raises:
        MissingOracleError: naming the library that is not installed; checks before it were made.
    """
    torch.set_num_threads(1)
    yield from common_checks(entry)
    if entry.gating not in {module.name for module in pkgutil.iter_modules(checks.__path__)}:
        raise LookupError(f"reference_impls/checks/{entry.gating}.py is missing: {entry.key} has no checks of its own")
    module = import_module(f"reference_impls.checks.{entry.gating}")
    try:
        yield from module.checks(entry)
    except ModuleNotFoundError as error:
        raise MissingOracleError(f"{error.name} is not installed; pip install 'moe-kb[dev]'") from error
    if train and "clusters" in entry.tasks:
        yield from clusters(entry)

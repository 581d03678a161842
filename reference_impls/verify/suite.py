"""Every check of an implementation, one after the other."""

from collections.abc import Iterator

import torch

from reference_impls.entry import Entry
from reference_impls.verify.check import Check
from reference_impls.verify.properties import clusters, common_checks


class MissingLibraryError(Exception):
    """A library that the design is checked against is not installed."""


def verify(entry: Entry, *, train: bool = True) -> Iterator[Check]:
    """What every design is asked, then what this one alone is asked, then training on the clustered task.

    Raises:
        MissingLibraryError: naming the library that is not installed; checks before it were made.
    """
    torch.set_num_threads(1)
    yield from common_checks(entry)
    try:
        yield from entry.checks()
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("reference_impls"):
            raise
        raise MissingLibraryError(f"{error.name} is not installed; pip install 'moe-kb[dev]'") from error
    if train and "clusters" in entry.tasks:
        yield from clusters(entry)

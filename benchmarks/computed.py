"""What is computed from the records: sizes of configurations, and the audit against the build it may take as long as.

python -m benchmarks.computed
"""

from __future__ import annotations

from functools import partial
from statistics import median

from benchmarks.measure import REPOSITORY, Result, interleaved, main, progress, scratch, timed
from moe_kb.corpus import Corpus
from moe_kb.kb import open_kb
from moe_kb.records import Model
from moe_kb.records.architecture import Architecture
from moe_kb.sizing import UnsizedError, size

ROUNDS = 9
SIZE_MS = 5


def run() -> list[Result]:
    """All results of this benchmark."""
    progress("sizing every configuration")
    times = [timed(partial(size, one), repeat=20).wall * 1e3 for one in sizable()]
    what, measured = (
        f"sizing a model, {len(times)} configurations",
        f"median {median(times):.2f} ms, worst {max(times):.2f} ms",
    )
    sizing = Result(what, measured, "", f"worst <= {SIZE_MS} ms", max(times) <= SIZE_MS)
    progress("the audit beside a full build")
    with scratch() as folder:
        kb = open_kb(REPOSITORY, database=folder / "kb.db")
        kb.audit()
        number = iter(range(1000))
        cases = {
            "audit": lambda: timed(kb.audit),
            "build": lambda: timed(lambda: open_kb(REPOSITORY, database=folder / f"{next(number)}.db")),
        }
        audit, build = interleaved(ROUNDS, cases).values()
    ratio = audit.wall / build.wall
    measured = f"{audit.wall:.3f} s (CPU {audit.cpu:.3f} s); full build {build.wall:.3f} s (CPU {build.cpu:.3f} s)"
    return [sizing, Result("audit of everything, warm", measured, f"{ratio:.2f}x", "<= 1x", ratio <= 1)]


def sizable() -> list[Architecture]:
    """Every architecture of the real data that can be sized."""
    found = []
    for model in Corpus.load(REPOSITORY).of(Model):
        for configuration in model.configurations:
            if configuration.architecture is None:
                continue
            try:
                size(configuration.architecture)
            except UnsizedError:
                continue
            found.append(configuration.architecture)
    return found


if __name__ == "__main__":
    main("Computed", run)

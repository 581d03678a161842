"""The long run: `make fuzz`, or `python -m fuzz [NAME …] [--inputs N] [--seed S] [--first K]` in the folder `tests`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fuzz.fuzzers import FUZZERS
from fuzz.harness import fuzz

#: Inputs of a long run, by fuzzer; the rest take `OTHERS`.
LONG = {"records": 40_000, "configurations": 30_000, "searches": 15_000, "queries": 10_000, "addresses": 5_000}
OTHERS = 1_000


def main() -> int:
    """Run the named fuzzers (default: all), print their figures; exit status 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(FUZZERS)}; default: all")
    parser.add_argument("--inputs", type=int, help="how many of each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    asked = parser.parse_args()
    failed = 0
    for name in asked.names or FUZZERS:
        fuzzer, _ = FUZZERS[name]
        count = asked.inputs or LONG.get(name, OTHERS)
        with tempfile.TemporaryDirectory() as folder:
            figures = fuzz(fuzzer, Path(folder), count=count, seed=asked.seed, first=asked.first)
        outcomes = ", ".join(f"{number:,} {outcome}" for outcome, number in figures.outcomes.most_common())
        print(
            f"{name}: {figures.inputs:,} inputs in {figures.seconds:.0f} s, slowest {figures.slowest:.2f} s; "
            f"{outcomes}; {len(figures.failures)} failures",
            flush=True,
        )
        for failure in figures.failures[:10]:
            print(failure, file=sys.stderr)
        failed += len(figures.failures)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

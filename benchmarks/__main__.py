"""Runs every benchmark and prints what `benchmarks/README.md` records.

python -m benchmarks            all of them, about ten minutes on a quiet machine
python -m benchmarks cli app    some of them
python -m benchmarks load       fifty readers at once, twenty minutes and more; only where it is named
"""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.measure import machine, table

TITLES = {
    "build": "Building",
    "search": "Search",
    "views": "Views",
    "cli": "Command line",
    "app": "App",
    "browser": "Browser",
    "memory": "Memory",
    "computed": "Computed",
    "load": "Load",
}
#: Takes longer than all others together.
ONLY_NAMED = ("load",)


def main(names: list[str]) -> None:
    """Run the named benchmarks (none named: all) and print their tables."""
    unknown = set(names) - TITLES.keys()
    if unknown:
        sys.exit(f"no benchmark called {', '.join(sorted(unknown))}. There are: {', '.join(TITLES)}.")
    missed = 0
    tables = []
    for name in names or [name for name in TITLES if name not in ONLY_NAMED]:
        results = import_module(f"benchmarks.{name}").run()
        missed += sum(result.met is False for result in results)
        tables.append(table(TITLES[name], results))
    print("\n".join([machine(), "", *tables]))
    print(f"{missed or 'No'} target{'' if missed == 1 else 's'} missed.")


if __name__ == "__main__":
    main(sys.argv[1:])

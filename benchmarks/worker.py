"""One action in a fresh process, so that its time and peak memory are its own; prints a JSON line.

python -m benchmarks.worker load TREE              PyYAML's C loader alone over every file
python -m benchmarks.worker build TREE DATABASE    a full build
python -m benchmarks.worker refresh TREE DATABASE  whatever the tree's changes call for
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path


def main(action: str, tree: Path, database: Path | None = None) -> None:
    """Do one action and report it."""
    if action == "load":
        import yaml

        def run() -> str:
            for top in ("data", "taxonomy"):
                for path in (tree / top).rglob("*.yaml"):
                    yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
            return "load"
    else:
        run = _builder(tree, database, force=action == "build")
    cpu, wall = time.process_time(), time.perf_counter()
    mode = run()
    took, used = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"mode": mode, "wall": took, "cpu": used, "peak_mb": peak}))


def _builder(tree: Path, database: Path | None, *, force: bool) -> Callable[[], str]:
    from moe_kb.db.build import build

    assert database is not None
    target = database
    return lambda: build(tree, target, force=force).mode


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))

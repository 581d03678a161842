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
        from moe_kb.db.build import build

        assert database is not None
        target = database

        def run() -> str:
            return build(tree, target, force=action == "build").mode

    cpu, wall = time.process_time(), time.perf_counter()
    mode = run()
    took, used = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"mode": mode, "wall": took, "cpu": used, "peak_mb": peak}))


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))

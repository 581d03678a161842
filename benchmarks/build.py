"""Building against PyYAML's C loader alone on the same files; memory; linearity; rebuilding after one change.

python -m benchmarks.build
"""

from __future__ import annotations

import itertools
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import REPOSITORY, Result, Time, interleaved, main, progress, scratch, worker
from benchmarks.synthetic import write_tree

SIZES = (5_000, 10_000, 20_000)


def run() -> list[Result]:
    """All results of this benchmark."""
    results: list[Result] = []
    with scratch() as folder:
        real = folder / "real"
        for top in ("data", "taxonomy"):
            shutil.copytree(REPOSITORY / top, real / top)
        changed = next(iter(sorted((real / "data" / "papers").rglob("*.yaml"))))
        results += _one_tree("real data", real, changed, rounds=7)
        each: dict[int, Time] = {}
        for size in SIZES:
            tree = folder / str(size)
            progress(f"writing {size:,} papers")
            write_tree(tree, size)
            changed = next(iter(sorted((tree / "data" / "papers").rglob("*.yaml"))))
            if size == SIZES[-1]:
                results += _one_tree(f"{size:,} papers", tree, changed, rounds=3, times=each)
            else:
                each[size] = interleaved(3, {"build": partial(_time, "build", tree, tree / "kb.db")})["build"]
            shutil.rmtree(tree)
        small, large = SIZES[0], SIZES[-1]
        growth = (each[large].cpu / large) / (each[small].cpu / small)
        per_thousand = ", ".join(f"{size:,}: {each[size].cpu / size * 1e6:.0f} ms" for size in SIZES)
    what = "linear: CPU time per 1,000 papers"
    return [*results, Result(what, per_thousand, f"{growth:.2f}x", "<= 1.2x", growth <= 1.2)]


def _time(action: str, tree: Path, *database: Path) -> Time:
    report = worker(action, tree, *database)
    return Time(report["wall"], report["cpu"])


def _one_tree(what: str, tree: Path, changed: Path, rounds: int, times: dict[int, Time] | None = None) -> list[Result]:
    progress(f"building {what}")
    database = tree / "kb.db"
    peaks: list[float] = []
    versions = itertools.count()

    def build() -> Time:
        report = worker("build", tree, database)
        peaks.append(report["peak_mb"])
        return Time(report["wall"], report["cpu"])

    def refresh(expected: str) -> Time:
        report: dict[str, Any] = worker("refresh", tree, database)
        if report["mode"] != expected:
            raise RuntimeError(f"the rebuild was {report['mode']}, not {expected}: was the code changed while it ran?")
        return Time(report["wall"], report["cpu"])

    def one_change() -> Time:
        # Another name: a real change of content, and a valid one, to any record.
        name = f"name: Edition {next(versions)}"
        lines = changed.read_text().splitlines()
        changed.write_text("\n".join(name if line.startswith("name: ") else line for line in lines) + "\n")
        return refresh("incremental")

    found = interleaved(
        rounds,
        {"load": partial(_time, "load", tree), "build": build, "one": one_change, "none": lambda: refresh("unchanged")},
    )
    if times is not None:
        times[SIZES[-1]] = found["build"]
    load, full, one, none = (found[name] for name in ("load", "build", "one", "none"))
    limit, share, met = 3 * load.wall + 1, "{:.3f}x of a full build", one.wall <= 0.1 * full.wall
    both, target = f"{_both(full)}; C loader alone {_both(load)}", f"<= 3x + 1 s = {limit:.2f} s"
    return [
        Result(f"full build, {what}", both, f"{full.wall / load.wall:.2f}x", target, full.wall <= limit),
        Result(f"peak memory, {what}", f"{max(peaks):.0f} MB", "", "< 600 MB", max(peaks) < 600),
        Result(f"one file changed, {what}", _both(one), share.format(one.wall / full.wall), "<= 0.1x", met),
        Result(f"nothing changed, {what}", _both(none), share.format(none.wall / full.wall), "", None),
    ]


def _both(time: Time) -> str:
    digits = 2 if time.wall >= 1 else 3
    return f"{time.wall:.{digits}f} s (CPU {time.cpu:.{digits}f} s)"


if __name__ == "__main__":
    main("Building", run)

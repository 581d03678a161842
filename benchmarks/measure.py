"""How things are measured: fresh processes, interleaved rounds, medians, ratios, and one table at the end.

CPU time (user and system, of the process and its children) stands beside wall time: on a machine that others use it is
the steadier of the two. Nothing is asserted; a target that is missed is said to be missed.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    what: str
    measured: str
    """The measured figure, with what it is compared to where there is something to compare to."""
    ratio: str
    target: str
    met: bool | None
    """None where there is no target."""


@dataclass(frozen=True, slots=True)
class Time:
    """Seconds."""

    wall: float
    cpu: float


def timed(function: Callable[[], object], repeat: int = 1) -> Time:
    """Time of one call in this process, as the mean of `repeat` calls."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(repeat):
        function()
    return Time((time.perf_counter() - wall) / repeat, (time.process_time() - cpu) / repeat)


def timed_process(command: list[str]) -> Time:
    """Time of a whole process, from start to exit."""
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    took, after = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Time(took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def interleaved(rounds: int, cases: dict[str, Callable[[], Time]]) -> dict[str, Time]:
    """Medians over rounds that run every case once, in turn, so that a slow minute slows all of them."""
    found: dict[str, list[Time]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            found[name].append(case())
    return {name: median(times) for name, times in found.items()}


def median(times: list[Time]) -> Time:
    """Median of wall times and of CPU times."""
    return Time(statistics.median(t.wall for t in times), statistics.median(t.cpu for t in times))


def worker(*arguments: object) -> dict[str, Any]:
    """What `benchmarks.worker` reports of one action, done in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.worker", *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=REPOSITORY)
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards; `TMPDIR` says where."""
    with tempfile.TemporaryDirectory(prefix="moe-kb-bench-") as folder:
        yield Path(folder)


def progress(text: str) -> None:
    """Say on standard error what is being measured."""
    print(f"… {text}", file=sys.stderr, flush=True)


def table(title: str, results: list[Result]) -> str:
    """Results as a Markdown table."""
    lines = [f"### {title}", "", "| what | measured | ratio | target | met |", "|---|---|---|---|---|"]
    for result in results:
        met = "" if result.met is None else "yes" if result.met else "**no**"
        lines.append(f"| {result.what} | {result.measured} | {result.ratio} | {result.target} | {met} |")
    return "\n".join([*lines, ""])


def machine() -> str:
    """Hardware, versions and commit, as lines for the README."""
    models = (line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    cpu = next(models, f":{platform.processor()}").partition(":")[2].strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = _git("rev-parse", "--short", "HEAD") + (" with changes" if _git("status", "--porcelain") else "")
    packages = ", ".join(f"{name} {version(name)}" for name in ("PyYAML", "pydantic", "SQLModel", "typer", "streamlit"))
    return (
        f"- {time.strftime('%Y-%m-%d')}, commit {commit}\n"
        f"- {os.cpu_count()} cores of {cpu}, {memory:.0f} GiB, load at the end {os.getloadavg()[0]:.1f}\n"
        f"- {platform.system()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}"
    )


def _git(*arguments: str) -> str:
    if shutil.which("git") is None:
        return ""
    done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def main(title: str, run: Callable[[], list[Result]]) -> None:
    """Run one benchmark by itself."""
    print(table(title, run()))

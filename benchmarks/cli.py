"""Asking from the command line and from Python, as whole processes, against importing typer alone.

python -m benchmarks.cli

Processor time is compared: it is what an answer costs, whatever else the machine does.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from benchmarks.measure import Result, interleaved, main, progress, timed_process

ROUNDS = 15
#: At most this many times the processor time of `python -c "import typer"`, by what is asked.
TARGETS: dict[tuple[str, ...], float] = {
    ("--help",): 2.0,
    ("query", "SELECT key FROM papers"): 2.5,
    ("search", "seekmoe"): 2.5,
    ("tree",): 2.5,
    ("cite", "paper:mixtral"): 2.5,
    ("show", "mixtral-top2-router"): 4.0,
    ("compare", "switch-top1-router", "mixtral-top2-router"): 4.0,
    ("related", "mixtral-top2-router"): 4.0,
    ("size", "deepseek-v3"): 4.0,
    ("stats",): 4.0,
    ("audit",): 8.0,
}
OPEN = "import moe_kb; moe_kb.open()"


def run() -> list[Result]:
    """All results of this benchmark."""
    progress("asking from the command line")
    command = str(Path(sys.executable).with_name("moe-kb"))
    timed_process([command, "audit"])  # the database is current and the issues are kept, as after any first question
    asked = {" ".join(["moe-kb", *arguments]): ([command, *arguments], most) for arguments, most in TARGETS.items()}
    asked[f'python -c "{OPEN}"'] = ([sys.executable, "-c", OPEN], 4.0)
    cases = {"typer": partial(timed_process, [sys.executable, "-c", "import typer"])}
    cases |= {name: partial(timed_process, whole) for name, (whole, _) in asked.items()}
    found = interleaved(ROUNDS, cases)
    base = found["typer"].cpu
    results = []
    for name, (_, most) in asked.items():
        time, ratio = found[name], found[name].cpu / base
        measured = f"CPU {time.cpu * 1e3:.0f} ms (wall {time.wall * 1e3:.0f} ms); import typer {base * 1e3:.0f} ms"
        results.append(Result(f"`{name}`", measured, f"{ratio:.2f}x", f"<= {most:g}x", ratio <= most))
    return results


if __name__ == "__main__":
    main("Command line", run)

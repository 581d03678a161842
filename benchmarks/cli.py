"""Starting the command line: `moe-kb --help` against importing typer alone.

python -m benchmarks.cli
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measure import Result, interleaved, main, progress, timed_process

ROUNDS = 21


def run() -> list[Result]:
    """All results of this benchmark."""
    progress("starting the command line")
    command = Path(sys.executable).with_name("moe-kb")
    found = interleaved(
        ROUNDS,
        {
            "help": lambda: timed_process([str(command), "--help"]),
            "typer": lambda: timed_process([sys.executable, "-c", "import typer"]),
            "python": lambda: timed_process([sys.executable, "-c", "pass"]),
        },
    )
    ours, typer = found["help"], found["typer"]
    ratio = ours.wall / typer.wall
    measured = (
        f"{ours.wall * 1e3:.0f} ms (CPU {ours.cpu * 1e3:.0f} ms); "
        f"import typer {typer.wall * 1e3:.0f} ms (CPU {typer.cpu * 1e3:.0f} ms); "
        f"Python alone {found['python'].wall * 1e3:.0f} ms"
    )
    return [Result("`moe-kb --help`", measured, f"{ratio:.2f}x", "<= 2x", ratio <= 2)]


if __name__ == "__main__":
    main("Command line", run)

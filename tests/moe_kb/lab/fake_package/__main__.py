"""`python -m fake_package run demo --config FILE --run-dir DIR`: standard library only, to start fast."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SLEEP = "import time; time.sleep(120)"


class Cancelled(Exception):
    """SIGTERM has come."""


class Stream:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "events.jsonl"
        self.file = self.path.open("a", buffering=1)

    def write(self, kind: str, **fields: Any) -> None:
        self.file.write(json.dumps({"v": 1, "t": time.time(), "type": kind, **fields}) + "\n")


def children(run_dir: Path) -> list[int]:
    """Start one ordinary grandchild and one that leaves the session; note their pids."""
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = [
        subprocess.Popen([sys.executable, "-c", SLEEP], **quiet),
        subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True, **quiet),
    ]
    pids = [process.pid for process in started]
    (run_dir / "pids.tmp").write_text(json.dumps(pids))
    (run_dir / "pids.tmp").rename(run_dir / "pids.json")
    return pids


def train(config: dict[str, Any], stream: Stream, begun: float) -> None:
    steps, pause = config["steps"], config["pause"]
    for step in range(1, steps + 1):
        time.sleep(pause)
        loss = math.exp(-step / steps)
        stream.write("metrics", step=step, split="train", values={"loss": loss}, loads={"0": [step, 1.0]})
        seconds = time.time() - begun
        stream.write("progress", step=step, steps=steps, seconds=seconds, eta_seconds=None)
    stream.write("metrics", step=steps, split="valid", values={"loss": 0.5}, loads={})


def behave(config: dict[str, Any], run_dir: Path, stream: Stream, begun: float) -> None:
    behaviour = config["behaviour"]
    if behaviour == "crash":
        print("about to crash")
        raise RuntimeError("the demo crashed")
    if behaviour == "silent":
        os._exit(0)
    if behaviour == "garbage":
        with stream.path.open("ab") as raw:
            raw.write(b"\xff\xfe not json\n" + b'{"v": 2, "type": "start"}\n' + b"[" * 5000 + b"\n")
    if behaviour == "huge_log":
        line = "x" * 1023 + "\n"
        for _ in range(3 * 1024):
            sys.stdout.write(line)
        print("the last line")
    if behaviour == "runaway":
        while True:
            sys.stdout.write("y" * 1024**2)
            time.sleep(0.002)
    if behaviour == "not_finite":
        stream.write("metrics", step=1, split="train", values={"loss": None}, loads={})
    if behaviour in ("grandchild", "leaves_child"):
        children(run_dir)
    if behaviour in ("stubborn", "grandchild"):
        stream.write("message", level="warning", text="here for good")
        time.sleep(120)
    train(config, stream, begun)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["run"])
    parser.add_argument("key", choices=["demo"])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--run-dir", type=Path, required=True)
    given = parser.parse_args()
    config = json.loads(given.config.read_text())

    def cancel(*_: object) -> None:
        raise Cancelled

    ignores = config["behaviour"] in ("stubborn", "grandchild", "runaway")
    signal.signal(signal.SIGTERM, signal.SIG_IGN if ignores else cancel)
    begun = time.time()
    stream = Stream(given.run_dir)
    stream.write(
        "start",
        implementation=given.key,
        config=config,
        task="text",
        steps=config["steps"],
        device="cpu",
        threads=1,
        versions={"python": sys.version.split()[0]},
        params_total=1000,
        params_active=250,
    )
    status, error, code = "completed", None, 0
    try:
        if config["behaviour"] == "fails":
            status, error, code = "failed", "the loss is not a number at step 1", 1
        else:
            behave(config, given.run_dir, stream, begun)
    except Cancelled:
        status, code = "cancelled", 130
    stream.write("end", status=status, seconds=time.time() - begun, summary={"loss": 0.5}, error=error)
    return code


if __name__ == "__main__":
    sys.exit(main())

"""What this machine has: processor, memory, torch's version, GPUs.

torch is never imported here: that costs seconds and hundreds of megabytes in the app's process. Its version
is read from the installed metadata, and GPUs are asked of `nvidia-smi`.
"""

from __future__ import annotations

import csv
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

MIB = 1024**2
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU; memory in bytes."""

    name: str
    memory_total: int
    memory_free: int


@dataclass(frozen=True, slots=True)
class Hardware:
    """The machine as a run would find it; memory in bytes."""

    cpu_model: str
    cores_physical: int
    cores_usable: int
    """Logical cores that this process may use."""
    memory_total: int
    memory_available: int
    python: str
    torch: str | None
    """The installed version, or None."""
    gpus: tuple[Gpu, ...]


def probe(*, gpus: bool = True) -> Hardware:
    """Look at the machine; without `gpus` it takes a few milliseconds and starts no process."""
    total, available = _memory()
    usable = _cores_usable()
    return Hardware(
        cpu_model=_cpu_model(),
        cores_physical=psutil.cpu_count(logical=False) or usable,
        cores_usable=usable,
        memory_total=total,
        memory_available=available,
        python=platform.python_version(),
        torch=_torch_version(),
        gpus=_nvidia_gpus() if gpus else (),
    )


def _torch_version() -> str | None:
    try:
        return version("torch")
    except PackageNotFoundError:
        return None


def _cores_usable() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return psutil.cpu_count() or 1


def _cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name" and value.strip():
            return value.strip()
    return platform.processor() or platform.machine() or "unknown"


def _memory(cgroup: Path = _CGROUP) -> tuple[int, int]:
    """Return total and available bytes; in a container its limit counts, which psutil does not see."""
    memory = psutil.virtual_memory()
    total, available = int(memory.total), int(memory.available)
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
    except (OSError, ValueError):  # no control group, or the limit is the word "max"
        return total, available
    return min(total, limit), min(available, max(0, limit - used))


def _nvidia_gpus() -> tuple[Gpu, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        answer = subprocess.run(
            [program, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return parse_nvidia_smi(answer.stdout)


def parse_nvidia_smi(text: str) -> tuple[Gpu, ...]:
    """Read `name, total MiB, free MiB` lines; a line that does not fit (`[N/A]`) is left out."""
    gpus = []
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        if len(row) == 3 and row[1].strip().isdecimal() and row[2].strip().isdecimal():
            gpus.append(Gpu(row[0].strip(), int(row[1]) * MIB, int(row[2]) * MIB))
    return tuple(gpus)

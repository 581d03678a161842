"""What the machine is said to have."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psutil

from moe_kb.lab import Gpu, probe
from moe_kb.lab.hardware import _cpu_model, _memory, parse_nvidia_smi


def test_the_probe_agrees_with_the_system() -> None:
    found = probe()
    assert found.torch == version("torch")
    assert 0 < found.memory_available <= found.memory_total <= psutil.virtual_memory().total
    assert 1 <= found.cores_usable <= (psutil.cpu_count() or 1)
    assert found.cores_physical >= 1
    assert found.cpu_model


def test_neither_the_lab_nor_its_probe_imports_torch() -> None:
    program = (
        "import sys; from moe_kb.lab import Lab, probe; probe(); Lab('/nowhere/at/all', ()).catalogue();"
        "print(sorted({'torch', 'streamlit', 'reference_impls', 'app'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_container_limit_bounds_the_memory(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert _memory(tmp_path) == (1_000_000, 600_000)
    (tmp_path / "memory.current").write_text("2000000\n")
    assert _memory(tmp_path) == (1_000_000, 0)
    (tmp_path / "memory.max").write_text("max\n")
    assert _memory(tmp_path)[0] == psutil.virtual_memory().total


def test_the_processor_is_named_where_the_system_says_it(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast: 9000\n")
    assert _cpu_model(tmp_path / "cpuinfo") == "Fast: 9000"
    assert _cpu_model(tmp_path / "missing")


def test_gpus_are_read_and_what_does_not_fit_is_left_out() -> None:
    text = "NVIDIA X, 81559, 80994\nNVIDIA Y, [N/A], [N/A]\n\nnonsense\n"
    assert parse_nvidia_smi(text) == (Gpu("NVIDIA X", 81559 * 1024**2, 80994 * 1024**2),)

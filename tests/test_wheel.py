"""A wheel carries records, taxonomies, app and implementations, and works in an empty folder."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from trees import REPOSITORY

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), "."],
        cwd=REPOSITORY,
        check=True,
    )
    return next(folder.glob("moe_kb-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The wheel's contents on a path of their own, ahead of the checkout's."""
    site = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)], check=True
    )
    return site


def run(site: Path, folder: Path, code: str, *arguments: str) -> str:
    """What a process prints that imports from a folder of installed packages."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_everything_inside_its_packages(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"moe_kb", "reference_impls"}
    for folder in ("data", "taxonomy"):
        inside = {name.removeprefix("moe_kb/_bundled/") for name in names if f"_bundled/{folder}/" in name}
        outside = {p.relative_to(REPOSITORY).as_posix() for p in (REPOSITORY / folder).rglob("*.yaml")}
        assert inside == outside
    pages = {p.relative_to(REPOSITORY).as_posix() for p in (REPOSITORY / "reference_impls").rglob("README.md")}
    assert pages == {name for name in names if name.startswith("reference_impls/") and name.endswith("README.md")}
    assert "moe_kb/_bundled/app/main.py" in names
    assert "moe_kb/_bundled/app/.streamlit/config.toml" in names
    assert {"moe_kb/lab/events.schema.json", "moe_kb/py.typed"} <= set(names)


def test_the_installed_package_answers_from_anywhere(installed, tmp_path):
    assert str(installed) in run(installed, tmp_path, "import moe_kb; print(moe_kb.__file__)")
    moe = "from moe_kb.cli import main; main()"
    assert json.loads(run(installed, tmp_path, moe, "stats", "--json"))["papers_by_survey"]["survey-a"] == 168
    assert "paper:deepseekmoe" in run(installed, tmp_path, moe, "search", "seekmoe")
    run(installed, tmp_path, moe, "check")
    assert list(tmp_path.iterdir()) == []


def test_the_installed_package_has_app_and_implementations(installed, tmp_path):
    code = (
        "from moe_kb.paths import app_folder\nfrom moe_kb.lab import Lab\n"
        "assert (app_folder() / 'main.py').is_file(), app_folder()\n"
        "print(*(entry.key for entry in Lab(home='runs').catalogue()))"
    )
    keys = set(run(installed, tmp_path, code).split())
    assert keys >= {"switch-top1-router", "mixtral-top2-router", "gshard-top2", "deepseek-v3-router"}

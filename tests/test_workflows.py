"""The workflows: actions by commit, no right that a job does not need, and who runs what."""

import re
from typing import Any

import pytest
import yaml
from trees import REPOSITORY

FOLDER = REPOSITORY / ".github" / "workflows"
NAMES = sorted(path.name for path in FOLDER.iterdir())


def workflow(name: str) -> dict[Any, Any]:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def triggers(name: str) -> dict[str, Any]:
    return workflow(name)[True]  # YAML 1.1 reads `on` as a truth value


def test_every_action_is_pinned_by_commit():
    lines = [
        line.strip()
        for folder in (FOLDER, REPOSITORY / ".github" / "actions")
        for path in folder.rglob("*.y*ml")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "uses:" in line
    ]
    assert len(lines) >= 6
    assert [line for line in lines if not re.fullmatch(r"- uses: [\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)+", line)] == []


@pytest.mark.parametrize("name", NAMES)
def test_only_pages_may_write(name):
    assert workflow(name)["permissions"] == {"contents": "write" if name == "pages.yml" else "read"}
    assert "pull_request_target" not in triggers(name)
    assert name != "pages.yml" or set(triggers(name)) == {"push"}


def test_records_run_the_short_job_alone():
    short, whole = triggers("records.yml")["pull_request"], triggers("ci.yml")["pull_request"]
    assert short["paths"] == whole["paths-ignore"] == ["data/**", "taxonomy/**"]
    assert triggers("ci.yml")["push"] == {"branches": ["main"]}
    (job,) = workflow("records.yml")["jobs"].values()
    assert job["steps"][-1]["run"].startswith("make data")


@pytest.mark.parametrize(("name", "target"), [("records.yml", "data"), ("pages.yml", "pages")])
def test_a_contributor_can_run_the_same(name, target):
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert f"make {target}" in (FOLDER / name).read_text(encoding="utf-8")
    assert f"make {target}" in (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_pages_are_written_again_whoever_changes_them():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^pages:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1]
    written = set(re.findall(r"docs/\S+", recipe))
    assert {"docs/audit.md", "docs/lineage.svg"} <= written
    assert written == {path for path in triggers("pages.yml")["push"]["paths"] if path.startswith("docs/")}

"""Results of comparisons: read strictly, a broken file costs only itself, every number reaches the database."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path

import pytest
import yaml
from databases import sql_rows

from moe_kb.db.build import build
from moe_kb.kb import open_kb
from moe_kb.lab.results import installed_results, read_results, result_rows

MADE = {
    "date": "2026-01-02", "commit": "abc", "python": "3.11.7", "torch": "2.13.0", "reference_impls": "0.1.0",
    "cpu": "a processor, 2 cores", "threads": 1,
}  # fmt: skip
RESULT = {
    "format": 1, "implementation": "demo", "task": "text", "protocol": "text-0", "group": "matched", "why": "",
    "causal": "yes", "headline": "bits_per_byte", "higher_is_better": False, "config": {"steps": 4},
    "params": {"total": 10, "active": 6, "active_non_embedding": 4},
    "runs": [
        {
            "seed": 0, "made": MADE, "seconds": 1.5, "cpu_seconds": 1.4, "curve": [[2, 3.5], [4, 3.0]],
            "values": {"bits_per_byte": 3.0, "load_cv": 0.2}, "loads": {"layer 0": [0.25, 0.75]},
        },
        {"seed": 1, "made": MADE, "error": "the loss is not finite at step 2"},
    ],
}  # fmt: skip


def write(folder: Path, content: object, name: str = "demo.yaml") -> Path:
    path = folder / name
    text = content if isinstance(content, str) else yaml.safe_dump(json.loads(json.dumps(content)), sort_keys=False)
    path.write_text(text)
    return path


def changed(**fields: object) -> dict:
    return {**copy.deepcopy(RESULT), **fields}


def test_a_file_becomes_rows(tmp_path: Path) -> None:
    problems: list = []
    (result,) = read_results([write(tmp_path, RESULT)], problems)
    assert problems == []
    rows = list(result_rows(result))
    runs = [row for table, row in rows if table == "result_runs"]
    assert [(row["run"], row["score"], row["error"]) for row in runs] == [
        ("text-0/demo/0", 3.0, None),
        ("text-0/demo/1", None, "the loss is not finite at step 2"),
    ]
    assert runs[0]["made_torch"] == "2.13.0"
    values = [(row["metric"], row["step"], row["value"]) for table, row in rows if table == "results"]
    assert values == [("bits_per_byte", None, 3.0), ("load_cv", None, 0.2), ("curve", 2, 3.5), ("curve", 4, 3.0)]


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        (changed(format=2), "format", "Input should be 1"),
        (changed(group="best"), "group", "Input should be 'matched'"),
        (changed(extra=1), "extra", "Extra inputs are not permitted"),
        (changed(runs=[{"seed": 0, "made": MADE}]), "runs.0", "either values or an error"),
        (
            changed(runs=[{"seed": 0, "made": MADE, "values": {"loss": float("nan")}}]),
            "runs.0.values.loss",
            "valid number",
        ),
        (changed(runs=[{"seed": -1, "made": MADE, "error": "x"}]), "runs.0.seed", "greater than or equal to 0"),
        ("a: 1\na: 2\n", "demo.yaml", "twice"),
        ("- &x 1\n- *x\n", "demo.yaml", "anchor"),
        ("", "demo.yaml", ""),
    ],
)
def test_a_broken_file_is_named_and_costs_only_itself(tmp_path: Path, content, place: str, message: str) -> None:
    problems: list = []
    good = write(tmp_path, RESULT, "good.yaml")
    found = list(read_results([write(tmp_path, content), good], problems))
    assert [result.implementation for result in found] == ["demo"]
    (problem,) = problems
    assert place in problem.place
    assert message in problem.message
    assert problem.fix


def test_a_package_that_fails_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site"
    (folder / "rotten-1.0.dist-info").mkdir(parents=True)
    (folder / "rotten-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: rotten\nVersion: 1.0\n")
    (folder / "rotten-1.0.dist-info" / "entry_points.txt").write_text("[moe_kb.results]\nr = rotten:paths\n")
    (folder / "rotten.py").write_text("def paths(): return 1 / 0")
    monkeypatch.setattr(sys, "path", [str(folder), *(place for place in sys.path if "site-packages" not in place)])
    (problem,) = [problem for problem in installed_results()[1] if "rotten" in problem.place]
    assert "ZeroDivisionError" in problem.message


def test_the_database_holds_every_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tree: Path) -> None:
    problems: list = []
    found = list(read_results([write(tmp_path, RESULT)], problems))
    monkeypatch.setattr("moe_kb.lab.results.installed_results", lambda: (found, problems))
    build(tree, tmp_path / "kb.sqlite")
    kb = open_kb(tree, database=tmp_path / "kb.sqlite")
    assert sql_rows(kb, "SELECT implementation, seed, score, loads FROM result_runs ORDER BY seed") == [
        {"implementation": "demo", "seed": 0, "score": 3.0, "loads": '{"layer 0": [0.25, 0.75]}'},
        {"implementation": "demo", "seed": 1, "score": None, "loads": "{}"},
    ]
    assert sql_rows(kb, "SELECT count(*) AS n FROM results") == [{"n": 4}]

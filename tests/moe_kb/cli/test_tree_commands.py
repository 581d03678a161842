"""Commands about the tree: check, format, build, schema."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from trees import FILES, edit

BETA, GAMMA = "data/papers/2020/beta.yaml", "data/systems/gamma.yaml"


@pytest.fixture
def formatted(moe):
    """The fabricated tree in canonical form."""
    assert moe("format").status == 0
    return moe


def test_a_clean_tree_passes(formatted):
    result = formatted("check")
    assert (result.status, result.out) == (0, "")
    assert result.err == f"{len(FILES)} files checked: no findings.\n"
    assert formatted("check", "--format", "json").json == formatted("check", "--json").json == []
    assert formatted("check", "--format", "github").status == 0


def test_findings_in_each_form(formatted, tree):
    edit(tree, BETA, "year: 2020", "year: '2020'")
    (tree / GAMMA).write_text((tree / GAMMA).read_text().replace("name: Gamma", "name: 'Gamma'"))
    result = formatted("check")
    assert result.status == 1
    assert f"{BETA}:6: [schema] year: Input should be a valid integer" in result.out
    assert f"{GAMMA}:2: [canonical] not in canonical form" in result.out
    assert f"Run: moe-kb format {GAMMA}" in result.out
    assert "findings in" in result.err
    found = formatted("check", "--format", "json")
    assert found.status == 1
    assert (GAMMA, 2, "canonical") in {(item["path"], item["line"], item["rule"]) for item in found.json}
    assert all(set(item) == {"path", "line", "rule", "message", "fix"} for item in found.json)
    lines = formatted("check", "--format", "github").out.splitlines()
    assert any(line.startswith(f"::error file={BETA},line=6,title=schema::year") for line in lines)


def test_only_the_asked_paths_are_reported(formatted, tree, monkeypatch):
    edit(tree, BETA, "year: 2020", "year: '2020'")
    edit(tree, GAMMA, "name: Gamma", "name: 'Gamma'")
    for path in (GAMMA, "data/systems", tree / GAMMA):
        found = formatted("check", path, "--format", "json").json
        assert {item["path"] for item in found} == {GAMMA}
    monkeypatch.chdir(tree / "data")
    assert {item["path"] for item in formatted("check", "systems", "--format", "json").json} == {GAMMA}
    assert formatted("check", "sources").status == 0
    outside = formatted("check", "/etc/hostname")
    assert outside.status == 2
    assert "is not in the tree" in outside.err
    assert formatted("check", "nowhere.yaml").status == 2


def test_workflow_commands_cannot_be_forged_by_a_file(formatted, tree):
    name = "x\n::warning::forged,line=1.yaml"
    (tree / "data/systems" / name).write_text("key: 'a\n")
    lines = formatted("check", "--format", "github").out.splitlines()
    assert lines
    assert all(line.startswith("::error file=") for line in lines)
    assert any("x%0A%3A%3Awarning" in line for line in lines)


def test_format_names_changed_and_broken_files(moe, tree):
    edit(tree, GAMMA, "name: Gamma", "# kept\nname: 'Gamma'")
    edit(tree, BETA, "year: 2020", "year: soon")
    result = moe("format", "data/systems", "data/papers/2020")
    assert (result.status, result.out) == (1, f"formatted {GAMMA}\n")
    assert f"{BETA}:6: [schema]" in result.err
    assert "1 files changed, 1 could not be formatted." in result.err
    assert "# kept\nname: Gamma\n" in (tree / GAMMA).read_text()
    assert moe("format", GAMMA).err == "0 files changed, 0 could not be formatted.\n"


def test_leftovers_of_killed_processes_are_no_records(moe, tree, tmp_path):
    assert moe("format").status == 0
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = [tree / path.parent / f".{path.name}.{int(gone.stdout)}.0123abcd.tmp" for path in map(Path, (BETA, GAMMA))]
    for file in left:
        file.write_text("key: [")
    assert moe("check").status == 0
    assert moe("build", "--out", tmp_path / "kb.db").status == 0
    assert moe("format", "data/papers").status == 0
    assert [file.exists() for file in left] == [False, True]
    assert moe("format").status == 0
    assert not left[1].exists()


@pytest.mark.parametrize("make", [
    Path.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda path: path.write_bytes(b"\xff"),
    lambda path: (path.touch(), os.truncate(path, 3_000_000_000)),
])  # fmt: skip
def test_pages_that_are_no_text_are_refused(moe, tmp_path, make):
    page = tmp_path / "page.md"
    make(page)
    result = moe("audit", "--page", page)
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert f"{page} cannot be read: " in result.err
    assert not list(tmp_path.glob(".*"))


def test_build_says_what_it_loaded(moe, tree, tmp_path):
    out = tmp_path / "there" / "kb.db"
    result = moe("build", "--out", out)
    assert result.out.startswith(f"Built from {len(FILES)} files in ")
    assert "2 paper" in result.out
    assert result.out.endswith(f"{out}\n")
    assert moe("build", "--out", out).out.startswith(f"Up to date ({len(FILES)} files)")
    edit(tree, BETA, "name: Beta\n", "name: Beta Two\n")
    assert moe("build", "--out", out).out.startswith(f"Refreshed 1 of {len(FILES)} files")
    report = moe("build", "--out", out, "--force", "--json").json
    assert (report["mode"], report["files"], report["database"]) == ("full", len(FILES), str(out))


def test_build_of_a_broken_tree_lists_the_findings(moe, tree, tmp_path):
    edit(tree, BETA, "year: 2020", "year: soon")
    result = moe("build", "--out", tmp_path / "kb.db")
    assert result.status == 2
    assert result.err.startswith("moe-kb: the records have ")
    assert f"{BETA}:6: [schema]" in result.err
    assert not (tmp_path / "kb.db").exists()


def test_schema(moe, tmp_path):
    assert len(moe("schema", tmp_path / "schema").out.splitlines()) == 11
    assert moe("schema", tmp_path / "schema").out == ""
    assert moe("schema", tmp_path / "schema", "--check").status == 0
    (tmp_path / "schema" / "paper.schema.json").write_text("{}")
    old = moe("schema", tmp_path / "schema", "--check")
    assert old.status == 1
    assert "paper.schema.json is out of date. Run: moe-kb schema" in old.err


def test_root_by_option_and_by_environment(run, tree, tmp_path, monkeypatch):
    assert run("--root", tree, "show", "beta").status == 0
    monkeypatch.setenv("MOE_KB_ROOT", str(tree))
    assert run("show", "beta").status == 0
    nowhere = run("--root", tmp_path / "nowhere", "show", "beta")
    assert (nowhere.status, nowhere.err.count("\n")) == (2, 1)
    assert "holds no data/ folder. Give --root a tree" in nowhere.err

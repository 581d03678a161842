"""Bad input of every kind ends in one clear line and a true exit status, never in a traceback."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from trees import FILES, edit

BETA = "data/papers/2020/beta.yaml"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "alpa-router"), "there is no record 'alpa-router'. Did you mean: alpha-router"),
        (("show", "alpha"), "'alpha' is the key of model:alpha, paper:alpha"),
        (("show", "book:x"), "unknown kind of record 'book'"),
        (("show", ""), "there is no record ''"),
        (("show", "a\nb"), "there is no record"),
        (("tree", "nowhere"), "there is no taxonomy node 'nowhere'"),
        (("compare", "alpha-router"), "at least two different records"),
        (("compare", "alpha-router", "gamma"), "only records of one kind"),
        (("related", "nothing"), "there is no record 'nothing'"),
        (("path", "paper:alpha", "source:second-list"), "nothing connects"),
        (("cite", "nothing"), "there is no record 'nothing'"),
        (("cite", "gamma"), "papers and sources can be cited"),
        (("cite", "beta", "--field", "colour"), "no source gives 'colour'"),
        (("audit", "nothing"), "there is no record 'nothing'"),
        (("query", "DROP TABLE papers"), "refused: not authorized"),
        (("query", "SELECT * FROM nowhere"), "no such table: nowhere"),
        (("query", ""), "the query is empty"),
        (("search", "alpha", "--node", "nowhere"), "there is no taxonomy node"),
        (("export", "/proc/nowhere"), "/proc/nowhere"),
        (("export", "/dev/null"), "/dev/null"),
        (("export", "x", "--format", ""), "unknown format (none)"),
        (("build", "--out", "/"), "/ is a folder. Name a file."),
        (("build", "--out", "/proc/x/kb.db"), "cannot be written"),
        (("schema", "/dev/null"), "/dev/null"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_known_faults_are_one_line_and_status_2(ask, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    result = ask(*arguments)
    assert result.status == 2
    assert result.err.startswith("moe-kb: ")
    assert result.err.count("\n") == 1
    assert message in result.err
    assert result.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",), ("search",), ("search", "a", "--kind", "book"), ("search", "a", "--limit", "0"),
        ("search", "a", "--limit", "many"), ("search", "a", "--year", "soon"), ("query", "SELECT 1", "--format", "xml"),
        ("query", "SELECT 1", "--max-rows", "-1"), ("app", "--port", "99999999"), ("check", "nowhere"),
        ("--colour", "search"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_command_lines_are_explained(ask, arguments):
    result = ask(*arguments)
    assert result.status == 2
    assert "Usage: moe-kb" in result.err
    assert "Error" in result.err or "error" in result.err


def writing(content):
    return lambda tree: (tree / BETA).write_bytes(content.encode() if isinstance(content, str) else content)


def instead(make):
    """Something else than a file under the file's name."""
    return lambda tree: ((tree / BETA).unlink(), make(tree / BETA))


def with_authors(authors):
    return writing(f"key: beta\nname: Beta\ntitle: T\nyear: 2020\nauthors: [{authors}]\n")


ALIASES = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 20))
PLANTED = {
    "duplicate keys": writing("key: beta\nkey: beta\n"),
    "tag": writing("key: !!python/object/apply:os.system ['touch pwned']\n"),
    "aliases": writing("a0: &a0 [x]\n" + ALIASES),
    "nesting": writing("a: " + "[" * 100_000),
    "size": lambda tree: os.truncate(tree / BETA, 100 * 2**20),
    "encoding": writing("key: bêta\n".encode("utf-16")),
    "binary": writing(bytes(range(256)) * 100),
    "types": writing("key: [beta]\nname: {}\nyear: soon\nauthors: 7\ntitle: null\n"),
    "list": writing("- 1\n- 2\n"),
    "scalar": writing("just text\n"),
    "thousands of faults": with_authors("1," * 9_000 + "1"),
    "a million values": with_authors("1," * 900_000 + "1"),
    "unknown field": writing(FILES[BETA] + "colour: red\n"),
    "escape codes": writing(FILES[BETA].replace("name: Beta\n", 'name: "\\e[31mBeta"\n')),
    "folder": instead(Path.mkdir),
    "link": instead(lambda file: file.symlink_to("/etc/passwd")),
    "device": instead(lambda file: file.symlink_to("/dev/zero")),
    "loop": instead(lambda file: file.symlink_to(file)),
    "pipe": instead(os.mkfifo),
    "colliding key": lambda tree: shutil.copytree(tree / "data/papers/2020", tree / "data/papers/2019"),
    "billion layers": lambda tree: edit(tree, "data/models/alpha.yaml", "repeat: 3", "repeat: 3000000000"),
    "odd name": lambda tree: Path(os.fsdecode(os.fsencode(tree / BETA) + b"\xff\x1b[31m.yaml")).write_text("key: b\n"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_hostile_files_leave_the_old_database(moe, tree, planted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert moe("stats").status == 0
    PLANTED[planted](tree)
    checked = moe("check")
    assert checked.status == 1
    assert ": [" in checked.out
    assert len(checked.out) < 100_000
    assert moe("check", "--format", "json").json
    built = moe("build")
    assert built.status == 2
    assert "the database was left as it was" in built.err
    shown = moe("show", "paper:beta")
    assert (shown.status, "answering from the database built" in shown.err) == (0, True)
    assert "Beta (2020)" in shown.out
    assert moe("format").status == (0 if planted == "colliding key" else 1)
    assert not list(tmp_path.glob("pwned"))
    assert "\x1b" not in checked.out + built.err


def run_script(command: str | list[bytes | str], **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run `moe-kb` as a process of its own: with these arguments, or in a shell that knows it as `moe`."""
    script = [sys.executable, "-c", "from moe_kb.cli import main; main()"]
    shell = ["bash", "-c", f'set -o pipefail; moe() {{ {shlex.join(script)} "$@"; }}; {command}']
    arguments = shell if isinstance(command, str) else [*script, *command]
    return subprocess.run(arguments, capture_output=True, env={**os.environ, **environment}, check=False)


@pytest.mark.usefixtures("shared_tree")
@pytest.mark.parametrize("command", ["search", "show"])
def test_arguments_that_are_no_utf8(command):
    result = run_script([command, b"\xff\xfe alpha"])
    assert result.returncode in (0, 1, 2)
    assert b"Traceback" not in result.stderr
    assert result.stderr.count(b"\n") <= 1


@pytest.mark.usefixtures("shared_tree")
def test_a_terminal_that_knows_only_ascii():
    result = run_script(["show", "alpha-router"], PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"Alpha router" in result.stdout


SQL = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 9999) SELECT x FROM n"


@pytest.mark.usefixtures("shared_tree")
@pytest.mark.parametrize("command", ["show paper:alpha --json", f'query "{SQL}"', f'query "{SQL}" --format csv'])
def test_a_reader_that_goes_away(command):
    result = run_script(f"moe {command} | head -n 1")
    assert (result.stdout.count(b"\n"), result.stderr) == (1, b"")
    assert result.returncode in (0, 1)


@pytest.mark.usefixtures("shared_tree")
def test_output_that_cannot_be_written():
    result = run_script("moe stats > /dev/full")
    assert result.returncode != 0
    assert b"Traceback" not in result.stderr
    assert b"No space left" in result.stderr


@pytest.mark.parametrize(
    ("path", "old", "new", "line"),
    [
        ("data/tables/first-table.yaml", "experts: 1/9", "experts: ''", 34),
        ("data/models/alpha.yaml", "organisation: Example Lab", "organisation: ''", 3),
        ("data/papers/2020/beta.yaml", "Beta Learns", "Beta\u200b Learns", 3),
    ],
)
def test_a_bad_value_is_told_by_check_and_search(moe, tree, path, old, new, line):
    edit(tree, path, old, new)
    checked = moe("check")
    assert (checked.status, checked.out.count("\n")) == (1, 1)
    assert checked.out.startswith(f"{path}:{line}: ")
    searched = moe("search", "alpha")
    assert searched.status == 0
    assert "model:alpha" in searched.out
    assert "older than the records: the records have 1 findings" in searched.err

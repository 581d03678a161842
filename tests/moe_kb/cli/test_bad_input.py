"""Bad input of every kind ends in one clear line and a true exit status, never in a traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = [sys.executable, "-c", "from moe_kb.cli import main; main()"]
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
        (("query", "SELECT 1; SELECT 2"), "one statement at a time"),
        (("query", "ATTACH 'x.db' AS x"), "refused"),
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
def test_a_known_fault_is_one_line_and_status_2(ask, tmp_path, monkeypatch, arguments, message):
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
        ("nothing",),
        ("search",),
        ("search", "a", "--kind", "book"),
        ("search", "a", "--limit", "0"),
        ("search", "a", "--limit", "many"),
        ("search", "a", "--year", "soon"),
        ("query", "SELECT 1", "--format", "xml"),
        ("query", "SELECT 1", "--max-rows", "-1"),
        ("app", "--port", "99999999"),
        ("check", "nowhere"),
        ("--colour", "search"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_explained_with_status_2(ask, arguments):
    result = ask(*arguments)
    assert result.status == 2
    assert "Usage: moe-kb" in result.err
    assert "Error" in result.err or "error" in result.err


def plant_duplicate_keys(tree):
    (tree / BETA).write_text("key: beta\nkey: beta\n")


def plant_tag(tree):
    (tree / BETA).write_text("key: !!python/object/apply:os.system ['touch pwned']\n")


def plant_aliases(tree):
    bomb = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 20))
    (tree / BETA).write_text("a0: &a0 [x]\n" + bomb)


def plant_nesting(tree):
    (tree / BETA).write_text("a: " + "[" * 100_000)


def plant_size(tree):
    with (tree / BETA).open("wb") as file:
        file.truncate(100 * 2**20)


def plant_encoding(tree):
    (tree / BETA).write_bytes("key: bêta\n".encode("utf-16"))


def plant_binary(tree):
    (tree / BETA).write_bytes(bytes(range(256)) * 100)


def plant_folder(tree):
    (tree / BETA).unlink()
    (tree / BETA).mkdir()


def plant_link(tree):
    (tree / BETA).unlink()
    (tree / BETA).symlink_to("/etc/passwd")


def plant_device(tree):
    (tree / BETA).unlink()
    (tree / BETA).symlink_to("/dev/zero")


def plant_loop(tree):
    (tree / BETA).unlink()
    (tree / BETA).symlink_to(tree / BETA)


def plant_pipe(tree):
    (tree / BETA).unlink()
    os.mkfifo(tree / BETA)


def plant_types(tree):
    (tree / BETA).write_text("key: [beta]\nname: {}\nyear: soon\nauthors: 7\ntitle: null\n")


def plant_list(tree):
    (tree / BETA).write_text("- 1\n- 2\n")


def plant_scalar(tree):
    (tree / BETA).write_text("just text\n")


def plant_unknown_field(tree):
    (tree / BETA).write_text((tree / BETA).read_text() + "colour: red\n")


def plant_colliding_key(tree):
    (tree / "data/papers/2019").mkdir()
    (tree / "data/papers/2019/beta.yaml").write_text((tree / BETA).read_text())


def plant_thousands_of_faults(tree):
    (tree / BETA).write_text("key: beta\nname: Beta\ntitle: T\nyear: 2020\nauthors: [" + "1," * 9_000 + "1]\n")


def plant_million_values(tree):
    (tree / BETA).write_text("key: beta\nname: Beta\ntitle: T\nyear: 2020\nauthors: [" + "1," * 900_000 + "1]\n")


def plant_billion_layers(tree):
    model = tree / "data/models/alpha.yaml"
    model.write_text(model.read_text().replace("repeat: 3", "repeat: 3000000000"))


def plant_escape_codes(tree):
    (tree / BETA).write_text((tree / BETA).read_text().replace("name: Beta\n", 'name: "\\e[31mBeta"\n'))


def plant_odd_name(tree):
    name = os.path.join(os.fsencode(tree), b"data/papers/2020/b\xff\x1b[31m.yaml")
    with open(name, "w") as file:
        file.write("key: b\n")


PLANTED = [value for name, value in sorted(globals().items()) if name.startswith("plant_")]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__.removeprefix("plant_"))
def test_hostile_files_are_findings_and_the_old_database_answers(moe, tree, plant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert moe("stats").status == 0
    plant(tree)
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
    assert moe("format").status == (0 if plant is plant_colliding_key else 1)
    assert not list(tmp_path.glob("pwned"))
    assert "\x1b" not in checked.out + built.err


@pytest.mark.parametrize("damage", [b"", b"text", b"SQLite format 3\x00" + bytes(5000), None])
def test_a_damaged_database_is_built_anew(moe, tree, damage):
    from moe_kb.paths import default_database

    moe("build")
    database = default_database(tree.resolve())
    if damage is None:
        database.unlink()
        database.mkdir()
        result = moe("show", "beta")
        assert result.status == 2
        assert "is a folder. Name a file." in result.err
    else:
        database.write_bytes(damage)
        assert moe("show", "beta").status == 0


def run_script(arguments: list[bytes | str], tree, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*SCRIPT, *arguments],
        capture_output=True,
        env={**os.environ, "MOE_KB_ROOT": str(tree), **environment},
        check=False,
    )


@pytest.mark.parametrize("command", ["search", "show", "query", "tree", "related"])
def test_arguments_that_are_no_utf8(shared_tree, command):
    result = run_script([command, b"\xff\xfe alpha"], shared_tree)
    assert result.returncode in (0, 1, 2)
    assert b"Traceback" not in result.stderr
    assert result.stderr.count(b"\n") <= 1


def test_a_terminal_that_knows_only_ascii(shared_tree):
    result = run_script(["show", "alpha-router"], shared_tree, PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"Alpha router" in result.stdout


def test_a_reader_that_goes_away(shared_tree):
    script = " ".join([sys.executable, "-c", "'from moe_kb.cli import main; main()'"])
    sql = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 9999) SELECT x FROM n"
    for command in ("show paper:alpha --json", f'query "{sql}"', f'query "{sql}" --format csv'):
        result = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {script} {command} | head -n 1"],
            capture_output=True,
            env={**os.environ, "MOE_KB_ROOT": str(shared_tree)},
            check=False,
        )
        assert result.stdout.count(b"\n") == 1
        assert result.stderr == b""
        assert result.returncode in (0, 1)


def test_output_that_cannot_be_written(shared_tree):
    result = subprocess.run(
        ["bash", "-c", f"{sys.executable} -c 'from moe_kb.cli import main; main()' stats > /dev/full"],
        capture_output=True,
        env={**os.environ, "MOE_KB_ROOT": str(shared_tree)},
        check=False,
    )
    assert result.returncode != 0
    assert b"Traceback" not in result.stderr
    assert b"No space left" in result.stderr

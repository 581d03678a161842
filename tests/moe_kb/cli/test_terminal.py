"""Nothing that a record, a file or a person says steers the terminal: it is shown as a code."""

import csv
import io
import json
import os
import pty
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import edit

from moe_kb.cli.output import visible

#: What an escape can look like: 7-bit and 8-bit sequences, bidirectional and invisible marks, line ends that are none.
HOSTILE = ("\x1b]0;owned\x07", "\x9b31m", "\x1b[2J", "\u202egnp", "\u2066x", "a\u200bb", "\u00adx", "\u2028", "\x08")
BETA = "data/papers/2020/beta.yaml"


@given(st.text())
def test_visible_texts_hold_nothing_that_steers(text):
    shown = visible(text)
    assert visible(shown) == shown
    assert all(sign.isprintable() or sign.isspace() for sign in shown)
    assert not set(shown) & set("\x1b\x07\x08\r\x0b\x0c\x85\u2028\u2029")


def test_plain_texts_stay_as_they_are():
    text = "Größe, α ≤ ∑ · 数\u00a0专家 \N{THIN SPACE}🙂\n\tmore"
    assert visible(text) is text


@pytest.mark.parametrize("mark", HOSTILE)
def test_arguments_and_errors_are_cleaned(ask, mark):
    for command in (["search", f"qqzzxx{mark}"], ["show", f"paper:x{mark}"], [f"no{mark}"], ["size", f"no{mark}.json"]):
        done = ask(*command)
        assert done.status
        assert mark not in done.out + done.err


@pytest.mark.parametrize("mark", HOSTILE)
def test_queries_show_marks_as_codes(ask, mark):
    sql = " || ".join(f"char({ord(sign)})" for sign in mark)
    table = ask("query", f"SELECT {sql} AS mark")
    assert mark not in table.out
    assert ask("query", f"SELECT {sql} AS mark", "--json").json == [{"mark": mark}]
    assert mark not in ask("query", f"SELECT {sql} AS mark", "--json").out
    assert mark not in ask("query", f'SELECT 1 AS "{mark}"').out


def test_columns_stay_aligned_around_marks(ask):
    lines = ask(
        "query", "SELECT 'a' || char(27) || '[31mb' AS x, 1 AS y UNION SELECT 'c', 2 ORDER BY y"
    ).out.splitlines()
    assert lines[2:] == ["a\\x1b[31mb  1", "c           2"]


def test_names_of_fields_and_files_are_cleaned(ask, tmp_path):
    config = tmp_path / "con\x1b[31mfig.json"
    config.write_text(json.dumps({"model_type": "mixtral", "\x1b[31mred\u202e": 5}))
    done = ask("size", config)
    assert done.status
    assert "\x1b" not in done.out + done.err
    assert "\u202e" not in done.out + done.err


def test_findings_of_checks_are_cleaned(moe, tree):
    edit(tree, BETA, "year: 2020", '"\\e[31myear\\u202E": 2020')
    (tree / "data/papers/2020/\x1b[31m.yaml").write_text("key: x\n")
    for form in ("text", "json", "github"):
        done = moe("check", "--format", form)
        assert done.status == 1
        assert not set(done.out + done.err) & {"\x1b", "\u202e"}


def test_files_of_data_hold_what_was_asked(shared_tree, tmp_path):
    command = [sys.executable, "-c", "from moe_kb.cli import main; main()", "query", "--format", "csv"]
    done = subprocess.run([*command, "SELECT char(27) || 'é' AS x"], capture_output=True, check=True)
    assert list(csv.reader(io.StringIO(done.stdout.decode()))) == [["x"], ["\x1bé"]]


def test_terminals_see_no_escape_in_data(shared_tree):
    command = [sys.executable, "-c", "from moe_kb.cli import main; main()", "query", "--format", "csv"]
    master, slave = pty.openpty()
    with subprocess.Popen([*command, "SELECT char(27) || '[31mred'"], stdout=slave) as process:
        os.close(slave)
        assert process.wait(60) == 0
    said = os.read(master, 4096)
    os.close(master)
    assert b"\x1b" not in said
    assert b"red" in said


@pytest.mark.parametrize("module", ["moe_kb", "reference_impls"])
def test_readers_may_leave_early(module, shared_tree):
    start = "from moe_kb.cli import main; main()"
    command = {
        "moe_kb": ["-c", start, "query", "SELECT * FROM dictionary, dictionary AS d LIMIT 9000"],
        "reference_impls": ["-m", "reference_impls", "list", "--json"],
    }[module]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, *command], **options) as process:
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""


def test_errors_of_runs_are_cleaned(tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"\x1b[31mred\u202e": 5}))
    command = [sys.executable, "-m", "reference_impls", "run", "mixtral-top2", "--config", config]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert not set(done.stdout + done.stderr) & {"\x1b", "\u202e"}

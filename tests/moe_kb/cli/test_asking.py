"""Commands that ask: what they print, their JSON and their exit status."""

import csv
import hashlib
import io
import os
import re

import bibtexparser
import pytest
import yaml
from trees import edit

from moe_kb.records import Resolution, Waiver

ROUTER = "data/designs/gating/alpha-router.yaml"
RUNNABLE = "Runnable: python -m reference_impls run switch-top1-router"

_NAMES = """search show tree compare related path cite query audit stats export run app doctor schema check build format
size import trends tradeoffs leaderboard picture guide"""
COMMANDS = _NAMES.split()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(ask, command):
    result = ask(command, "--help")
    assert result.status == 0
    assert result.out.startswith(f"\nUsage: moe-kb {command}") or f"moe-kb {command}" in result.out
    assert result.out == ask(command, "-h").out


def test_the_help_lists_exactly_the_commands(ask):
    result = ask("--help")
    assert result.status == 0
    listed = [line.split()[0] for line in result.out.partition("Commands:")[2].splitlines() if line.strip()]
    assert sorted(listed) == sorted(COMMANDS)


def test_version(ask):
    from importlib.metadata import version

    assert ask("--version").out.strip() == version("moe-kb")


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "alpha"),
        ("search", "alpha", "--kind", "paper", "--node", "gating", "--year", "2020-2021", "--limit", "5"),
        ("show", "paper:alpha"), ("show", "alpha-router"), ("show", "model:alpha"), ("show", "gamma"),
        ("show", "first-table"), ("show", "first-survey"), ("tree", "first"), ("tree", "gating"),
        ("compare", "alpha-router", "beta-router"), ("related", "paper:alpha"), ("path", "paper:alpha", "system:gamma"),
        ("query", "SELECT * FROM papers"), ("audit",), ("audit", "model:alpha", "--open"), ("stats",), ("build",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_everything_that_prints_data_prints_json(ask, arguments):
    plain = ask(*arguments)
    result = ask(*arguments, "--json")
    assert (plain.status, result.status) == (0, 0)
    assert result.json
    assert plain.out != result.out


def test_empty_answers_are_answers_except_of_search(ask):
    for question in (
        ("query", "SELECT key FROM papers WHERE year > 3000"),
        ("related", "table:second-table"),
        ("audit", "paper:beta"),
        ("search", ""),
    ):
        assert ask(*question).status == 0, question
    assert ask("show", "zebra").status == ask("query", "SELECT nothing FROM nowhere").status == 2


def test_search(ask):
    assert ask("search", "alpha", "router").out == ask("search", "alpha router").out != ""
    result = ask("search", "alpha", "--json")
    assert result.json[0]["record"] == "paper:alpha"
    assert set(result.json[0]) == {"record", "kind", "key", "name", "year", "title", "snippet", "why"}
    nothing = ask("search", "zebra")
    assert (nothing.status, nothing.out) == (1, "")
    assert "Nothing found for 'zebra'" in nothing.err
    assert ask("search", "zebra", "--json").json == []
    assert "paper:alpha" in ask("search", "lpha").out


@pytest.mark.parametrize("year", ["soon", "20", "2020-", "-2020", "2020-2021-2022", "²⁰²⁰", "9" * 5000, "2020 2021"])
def test_a_year_is_a_year(ask, year):
    result = ask("search", "alpha", f"--year={year}")
    assert result.status == 2
    assert "a year (2024) or years (2022-2024)" in result.err


def test_show(ask):
    text = ask("show", "paper:alpha").out
    for part in ("Alpha (2021)", "Routing Invented Tokens", "Invents a router", "[first-survey, §2]", "extends ->"):
        assert part in text
    text = ask("show", "alpha-router").out
    for part in ("Who chooses", "each token", "g_i(x)", "W: the router's matrix", RUNNABLE):
        assert part in text
    assert "  1. Score every token." in ask("show", "beta-router").out
    text = ask("show", "model:alpha").out
    assert "Claims: 1B" in text
    assert "!  d_model: 512  [alpha-config, config.json]" in text
    assert "!      d_model: 768" in text
    data = ask("show", "model:alpha", "--json").json
    assert set(data) == {"record", "content", "edges", "claims", "disagreements", "issues", "file", "version"}
    assert data["file"] == "data/models/alpha.yaml"


def test_only_installed_implementations_are_runnable(moe, tree):
    assert RUNNABLE in moe("show", "alpha-router").out
    edit(tree, ROUTER, "implementation: switch-top1-router", "implementation: not-here")
    shown = moe("show", "alpha-router")
    assert (shown.status, "Runnable" in shown.out) == (0, False)


def test_tree(ask):
    assert ask("tree", "first").out == (
        "First survey's taxonomy  [3]\n  Algorithm  [3]  algorithm\n    Gating  [3]  algorithm/gating\n"
        "      Sparse  [2]  algorithm/gating/sparse\n  System  [0]  system\n"
    )
    assert "Alpha; Alpha-L (2021)" in ask("tree", "first", "--papers").out
    assert ask("tree", "first", "--json").json["children"][0]["node"] == "algorithm"


def test_compare(ask):
    text = ask("compare", "alpha-router", "beta-router").out
    lines = {line[:20].strip(): line[20:].split() for line in text.splitlines()}
    assert (lines["chooser *"], lines["k"]) == (["each", "token", "each", "expert"], ["1", "–"])
    csv = ask("compare", "alpha-router", "beta-router", "--format", "csv").out
    assert "chooser,token,expert" in csv, "data keep the codes"


def test_guide(ask):
    asked = ask("guide").out
    assert "Is it causal?" in asked
    assert "yes | no" in asked
    text = ask("guide", "causal=yes").out
    assert text.startswith("1. Alpha router   design:alpha-router\n")
    assert "Beta router" not in text
    assert "Required: tokens choose: 1 do not satisfy it, 0 do not say. [first-survey, §2]" in text
    assert ask("guide", "causal=yes", "--json").json["candidates"][0]["gate"]["record"] == "design:alpha-router"
    for wrong in ("causal", "causal=maybe", "gone=yes", "="):
        result = ask("guide", wrong)
        assert result.status == 2
        assert "Known: causal=yes|no" in result.err


def test_related_and_path_say_why(ask):
    assert "this extends it; shares the design Alpha router" in ask("related", "paper:alpha").out
    assert len(ask("related", "paper:alpha", "--limit", "1", "--json").json) == 1
    assert ask("path", "paper:beta", "paper:alpha").out == "paper:beta <--extends-- paper:alpha   [first-survey, §2]\n"
    assert ask("path", "paper:alpha", "paper:alpha").status == 0


def test_cite(ask):
    text = ask("cite", "paper:alpha", "beta").out
    assert [entry.key for entry in bibtexparser.parse_string(text).entries] == ["author2021alpha", "writer2020beta"]
    text = ask("cite", "model:alpha", "--field", "d_model", "--configuration", "1B").out
    assert "% model:alpha [1B] d_model = 512: alpha-config, config.json" in text
    assert {e.key for e in bibtexparser.parse_string(text).entries} == {"alpha-config", "first-survey", "second-list"}
    assert "no source gives 'colour' for model:alpha. See: moe-kb show model:alpha" in (
        ask("cite", "model:alpha", "--field", "colour").err
    )
    error = ask("cite", "model:alpha").err
    assert "model:alpha is a model" in error
    assert "`moe-kb cite model:alpha --field FIELD`" in error


def test_query_in_each_form(ask):
    sql = "SELECT key, year, venue FROM papers ORDER BY key"
    assert ask("query", sql).out.splitlines()[2:] == ["alpha  2021  Conference of Examples 2021", "beta   2020  –"]
    rows = list(csv.reader(io.StringIO(ask("query", sql, "--format", "csv").out)))
    assert rows == [["key", "year", "venue"], ["alpha", "2021", "Conference of Examples 2021"], ["beta", "2020", ""]]
    assert ask("query", sql, "--format", "json").json == ask("query", sql, "--json").json
    assert ask("query", sql, "--json").json[1] == {"key": "beta", "year": 2020, "venue": None}
    assert "x'" in ask("query", "SELECT quote(x'00')", "--json").out.lower()
    assert ask("query", "SELECT key FROM papers WHERE 0").status == 0
    cut = ask("query", sql, "--max-rows", "1")
    assert "Cut off after 1 rows" in cut.err
    assert cut.status == 0


def test_audit(ask):
    result = ask("audit")
    assert "Claims that disagree (1)\n\n  claims/differ (1): Sources give values for one field" in result.out
    assert "  model:alpha [1B] d_model: 512 [alpha-config, config.json] ≠ 512 [first-survey" in result.out
    assert "≠ 768 [second-list, README, row 1]\n" in result.out
    assert result.err.endswith(" issues, 7 open.\n")
    assert ask("audit", "--rule", "counts").err == "0 issues, 0 open.\n"
    assert {f["rule"] for f in ask("audit", "--rule", "claims", "--json").json} == {"claims/differ"}
    assert "there is no audit rule 'claim'. Families: claims, sizes," in ask("audit", "--rule", "claim").err


def test_an_issue_is_asked_for_by_eight_digits(ask, shared_tree):
    line = next(line for line in ask("audit").out.splitlines() if " model:alpha [1B] d_model: " in line)
    short, full = line.split()[0], "claims/differ/model:alpha#1B/d_model"
    assert hashlib.sha256(full.encode()).hexdigest().startswith(short)
    assert f"! {short}  claims/differ  [1B] d_model: " in ask("show", "model:alpha").out
    alone = ask("audit", short)
    assert alone.err == "1 issue, 1 open.\n"
    entries = [
        yaml.safe_load(block) for block in re.findall(r"(?:^    .*\n)+", alone.out.partition("\n\nWhere")[2], re.M)
    ]
    note, entry = (entry for (entry,) in entries)
    assert Resolution.model_validate(note | {"source": "second-list", "prefer": "second-list"}).configuration == "1B"
    assert Waiver.model_validate(entry | {"source": "second-list"}).issue == full
    assert ask("audit", short, "--json").json[0]["short_id"] == short
    assert "there is no record 'deadbeef'" in ask("audit", "deadbeef").err


def test_the_files_behind_claims_are_named(ask):
    shown, data = ask("show", "model:alpha").out, ask("show", "model:alpha", "--json").json
    assert re.search(r"d_model: 768 .*  data/tables/second-table\.yaml$", shown, re.MULTILINE)
    assert "\nfile: data/models/alpha.yaml" in shown
    files = {(claim["record"], claim["file"]) for claim in data["claims"]}
    assert files == {
        ("model:alpha", "data/models/alpha.yaml"),
        ("table:first-table", "data/tables/first-table.yaml"),
        ("table:second-table", "data/tables/second-table.yaml"),
    }


def test_the_audit_writes_a_page_below_its_mark(ask, tmp_path):
    page = tmp_path / "audit.md"
    page.write_text("By hand.\n\n")
    assert ask("audit", "--page", page).status == 0
    once = page.read_text()
    assert once.startswith("By hand.\n\n<!-- From here on written by")
    assert "| `claims/differ` | Sources give values" in once
    assert "### First survey (3)" in once
    assert re.search(r"^\| `[0-9a-f]{8}` \| `model:alpha` 1B \| `claims/differ` \| d", once, re.MULTILINE)
    assert "*Waived: The idea is older than its name. (first-survey, §3)*" in once
    assert ask("audit", "--page", page).status == 0
    assert page.read_text() == once
    assert "leave the other options out" in ask("audit", "model:alpha", "--page", page).err
    assert ask("audit", "--page", tmp_path / "none.md").status == 2


def test_stats_in_words(ask):
    text = ask("stats").out
    assert "  paper: 2\n" in text
    assert "papers without summary: 1  (paper:beta)" in text


def test_export(ask, tmp_path):
    result = ask("export", tmp_path / "out", "--format", "csv, json,parquet,bibtex")
    assert result.status == 0
    assert (tmp_path / "out" / "papers.parquet").is_file()
    assert f"{len(list((tmp_path / 'out').iterdir()))} files written" in result.err
    bad = ask("export", tmp_path / "bad", "--format", "xlsx")
    assert (bad.status, bad.err) == (2, "moe-kb: unknown format xlsx. Use any of: csv, json, parquet, bibtex.\n")


def test_doctor(ask):
    result = ask("doctor", "--json")
    assert {"what", "state", "detail", "fix"} == set(result.json[0])
    assert "SQLite" in ask("doctor").out


def test_the_app_without_streamlit_says_what_to_install(ask, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = ask("app")
    assert (result.status, result.err) == (2, "moe-kb: the app needs Streamlit. Run: pip install 'moe-kb[app,lab]'\n")


def test_the_app_starts_streamlit_on_this_machine_only(ask, monkeypatch):
    folders, started = [], []
    monkeypatch.setattr(os, "chdir", folders.append)
    monkeypatch.setattr(os, "execv", lambda program, command: started.append(command))  # would end the test's process
    assert ask("app", "--port", "8999", "--no-browser").status == 0
    (command,), (folder,) = started, folders
    assert command[1:4] == ["-m", "streamlit", "run"]
    assert command[command.index("--server.address") + 1] == "127.0.0.1"
    assert command[command.index("--server.port") + 1] == "8999"
    assert command[command.index("--server.headless") + 1] == "true"
    assert (folder / "main.py").is_file()

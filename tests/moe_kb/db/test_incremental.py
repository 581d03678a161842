"""A refresh after a change gives the database that a full build of the same tree gives."""

# ruff: noqa: E501  a table of changes reads better with one to a line

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from databases import contents
from hypothesis import given, settings
from hypothesis import strategies as st
from trees import edit

from moe_kb.db.build import build
from moe_kb.errors import CheckFailedError

ALPHA, BETA = "data/papers/2021/alpha.yaml", "data/papers/2020/beta.yaml"
MODEL, SYSTEM, DEVICE = "data/models/alpha.yaml", "data/systems/gamma.yaml", "data/accelerators/zeta.yaml"
ROUTER, OTHER = "data/designs/gating/alpha-router.yaml", "data/designs/gating/beta-router.yaml"
TABLE, SECOND = "data/tables/first-table.yaml", "data/tables/second-table.yaml"
SOURCE, TAXONOMY = "data/sources/second-list.yaml", "taxonomy/first.yaml"

NEW_PAPER = """\
key: {key}
name: '{name}'
title: '{title}'
authors: [Ada Author]
year: 2020
claims:
- {{source: second-list, field: citations, value: {value}}}
- {{source: first-survey, field: citations, value: 1.5}}
relations:
- {{source: first-survey, kind: extends, to: 'paper:alpha'}}
provenance:
- {{source: second-list, fields: [name, title, authors, year]}}
"""
NEW_TABLE = """\
key: new-table
name: New table
title: More
source: second-list
locator: page 1
about: model
columns:
- {name: d_model, type: integer, field: d_model, description: Width}
rows:
- row: '1'
  label: Alpha
  cells: {d_model: '1024'}
"""

#: name: (mode of the refresh, what it does to a tree). Each can be done once, in any order.
EDITS = {
    "paper retitled": ("incremental", lambda t: edit(t, ALPHA, "Routing Invented Tokens", "[Routing] Re-invented")),
    "paper renamed": ("incremental", lambda t: edit(t, BETA, "name: Beta\n", "name: '[\"Beta\"]'\n")),
    "paper without relation": ("incremental", lambda t: edit(t, ALPHA, "kind: extends, to: 'paper:beta'", "kind: cites, to: 'paper:beta'")),
    "paper with another date": ("incremental", lambda t: edit(t, ALPHA, "'2021-03-04'", "2021-Q3")),
    "paper moved in the taxonomy": ("incremental", lambda t: edit(t, BETA, "node: algorithm/gating\n", "node: system\n")),
    "design's property": ("incremental", lambda t: edit(t, ROUTER, "value: token}", "value: expert}")),
    "design without implementation": ("incremental", lambda t: edit(t, ROUTER, "implementation: switch-top1-router\n", "")),
    "design with another equation": ("incremental", lambda t: edit(t, ROUTER, "label: gate value", "label: weight")),
    "design's relation": ("incremental", lambda t: edit(t, OTHER, "kind: variant-of", "kind: extends")),
    "model's claim": ("incremental", lambda t: edit(t, MODEL, "value: 1200000000", "value: 9007199254740993")),
    "model's small claim": ("incremental", lambda t: edit(t, MODEL, "\nclaims:\n", "\nclaims:\n- {source: second-list, field: aux_coefficient, value: 1.0e-05}\n- {source: first-survey, field: aux_coefficient, value: 1.0e+16}\n")),
    "model's better claim": ("incremental", lambda t: edit(t, MODEL, "\nclaims:\n", "\nclaims:\n- {source: alpha-config, field: mmlu, value: 44, configuration: 1B, setting: 5-shot}\n")),
    "model's width": ("incremental", lambda t: edit(t, MODEL, "d_model: 512", "d_model: 640")),
    "model with another size": ("incremental", lambda t: edit(t, MODEL, "- label: 1B\n", "- label: 9B\n- label: 1B\n")),
    "model with a note": ("incremental", lambda t: edit(t, MODEL, "\nprovenance:", "\nresolutions:\n- {source: first-survey, field: vocab_size, prefer: alpha-config, reason: read}\nprovenance:")),
    "system": ("incremental", lambda t: edit(t, SYSTEM, "repository: https://example.org/gamma", "repository: https://example.org/other")),
    "accelerator": ("incremental", lambda t: edit(t, DEVICE, "printed: 300 TFLOPS", "printed: 400 TFLOPS")),
    "table's cell": ("incremental", lambda t: edit(t, TABLE, "d_model: '512'", "d_model: '768'")),
    "table's counting": ("incremental", lambda t: edit(t, TABLE, "counting: incl-shared", "counting: unclear")),
    "second table's cell": ("incremental", lambda t: edit(t, SECOND, "d_model: '768'", "d_model: '512'")),
    "new paper": ("incremental", lambda t: write(t, "data/papers/2020/new.yaml", NEW_PAPER.format(key="new", name="New", title="New", value=3))),
    "another new paper": ("incremental", lambda t: write(t, "data/papers/2020/newer.yaml", NEW_PAPER.format(key="newer", name="1e5", title="Newer", value=7))),
    "new table": ("full", lambda t: write(t, "data/tables/new-table.yaml", NEW_TABLE)),
    "source's type": ("full", lambda t: edit(t, SOURCE, "type: list", "type: paper")),
    "taxonomy's label": ("full", lambda t: edit(t, TAXONOMY, "label: Sparse", "label: Sparser")),
    "crosswalk": ("full", lambda t: edit(t, "taxonomy/crosswalk.yaml", "same-as", "broader")),
    "waived": ("full", lambda t: write(t, "data/waivers.yaml", "waivers: []\n")),
    "alignment": ("full", lambda t: edit(t, "data/alignment.yaml", "second-table, row: '1', subject: 'model:alpha', configuration: 1B", "second-table, row: '1', reason: unsure")),
    "table with another row": ("full", lambda t: (edit(t, TABLE, "- row: '2'", "- {row: '3', label: Third, cells: {}}\n- row: '2'"), edit(t, "data/alignment.yaml", "configs:", "- {table: first-table, row: '3', reason: none}\nconfigs:"))),
    "design renamed": ("full", lambda t: ((t / OTHER).rename(t / OTHER.replace("beta", "gamma")), edit(t, OTHER.replace("beta", "gamma"), "key: beta-router", "key: gamma-router"), edit(t, "data/waivers.yaml", "design:beta-router", "design:gamma-router"))),
    "design removed": ("full", lambda t: ((t / OTHER).unlink(), (t / "data/waivers.yaml").unlink())),
}  # fmt: skip


def write(tree: Path, path: str, text: str) -> None:
    (tree / path).write_text(text, encoding="utf-8")


def compared(tree: Path, database: Path) -> str:
    """Refresh, build anew beside it, and compare; returns the mode of the refresh."""
    mode = build(tree, database).mode
    anew = database.with_name("anew.db")
    build(tree, anew, force=True)
    left, right = contents(database), contents(anew)
    for table in right:
        assert left[table] == right[table], table
    assert build(tree, database).mode == "unchanged"
    return mode


@pytest.mark.parametrize("name", EDITS)
def test_each_kind_of_change_alone(tree, database, name):
    mode, change = EDITS[name]
    change(tree)
    assert compared(tree, database) == mode


@given(st.lists(st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=3), min_size=1, max_size=4))
@settings(max_examples=5)
def test_any_list_of_changes_in_any_order(built, batches):
    with tempfile.TemporaryDirectory() as folder:
        tree = shutil.copytree(built / "tree", Path(folder) / "tree")
        database = shutil.copy2(built / "kb.db", Path(folder) / "kb.db")
        done: set[str] = set()
        for batch in batches:
            for name in batch:
                if name not in done:
                    with suppress(FileNotFoundError):  # an edit before it has removed the file
                        EDITS[name][1](tree)
                    done.add(name)
            compared(tree, database)


def test_changes_undone_give_the_database_back(tree, database):
    before = contents(database)
    for path, old, new in ((TABLE, "d_model: '512'", "d_model: '768'"), (MODEL, "d_model: 512", "d_model: 640")):
        edit(tree, path, old, new)
        assert build(tree, database).mode == "incremental"
        assert contents(database) != before
        edit(tree, path, new, old)
        assert build(tree, database).mode == "incremental"
        assert contents(database) == before


#: Changes that a check must refuse, whether one file is read or all.
BROKEN = {
    "dangling": lambda t: edit(t, ALPHA, "paper:beta", "paper:gone"),
    "node": lambda t: edit(t, ALPHA, "node: algorithm/gating/sparse", "node: gone"),
    "title twice": lambda t: edit(t, BETA, "Beta Learns to Share", "Alpha: Routing Invented Tokens"),
    "arxiv twice in new files": lambda t: [
        write(t, f"data/papers/2020/{k}.yaml", NEW_PAPER.format(key=k, name=k, title="One and the same", value=1))
        for k in ("new", "newer")
    ],
    "label gone": lambda t: edit(t, MODEL, "- label: 1B", "- label: 2B"),
    "row gone": lambda t: edit(t, SECOND, "- row: '1'", "- row: '2'"),
    "unsourced": lambda t: edit(t, SYSTEM, "[name, organisation, repository, papers]", "[name]"),
    "schema": lambda t: edit(t, BETA, "year: 2020", "year: 1"),
    "syntax": lambda t: write(t, SYSTEM, "["),
    "key twice": lambda t: write(t, "data/papers/2020/delta.yaml", (t / BETA).read_text()),
    "in a new place": lambda t: write(t, "data/papers/new.txt", "x"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_refresh_refuses_what_a_full_build_refuses(tree, database, name):
    before = database.read_bytes()
    BROKEN[name](tree)
    with pytest.raises(CheckFailedError) as refreshed:
        build(tree, database)
    with pytest.raises(CheckFailedError) as anew:
        build(tree, database.with_name("anew.db"))

    def findings(error: CheckFailedError) -> set[str]:
        return {line for line in str(error).splitlines() if line.startswith("  ")}

    assert findings(refreshed.value)
    assert findings(refreshed.value) <= findings(anew.value)
    assert database.read_bytes() == before

"""What is here, counted, and what works on this machine."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from trees import edit

from moe_kb.db.build import build
from moe_kb.db.replacing import damage
from moe_kb.doctor import examine
from moe_kb.kb import open_kb


def test_the_fabricated_tree_is_counted(kb):
    stats = kb.stats()
    kinds = {"paper": 2, "design": 2, "model": 1, "system": 1, "accelerator": 1, "source": 3, "table": 2}
    assert (stats.records, stats.designs_by_component, stats.mappings) == (kinds, {"gating": 2}, 1)
    assert (stats.configurations, stats.released_configurations) == (1, 1)
    assert stats.table_rows == {"first-table": 2, "second-table": 1}
    assert astuple(stats.taxonomies["first"]) == (5, 2, 2, 2, 2)
    assert stats.disagreements == {"open": 1, "resolved": 0}
    assert stats.gating_designs_with_implementation == ["design:alpha-router"]
    assert stats.missing.papers_without_summary == ["paper:beta"]
    assert stats.missing.designs_without_equation_or_steps == stats.missing.models_without_configuration == []
    assert "design:beta-router" in stats.missing.gating_designs_without_implementation
    assert stats.claims == sum(stats.claims_by_status.values())


def found(root, monkeypatch):
    monkeypatch.setenv("MOE_KB_ROOT", str(root))
    return {item.what: item for item in examine()}


def test_a_healthy_machine(tree, monkeypatch):
    assert found(tree, monkeypatch)["database"].state == "missing"
    open_kb(tree)
    items = found(tree, monkeypatch)
    assert {what: items[what].state for what in ("Python", "SQLite", "records", "database")} == dict.fromkeys(
        ("Python", "SQLite", "records", "database"), "ok"
    )
    assert "12 in" in items["records"].detail


def test_what_is_broken_says_how_to_fix_it(tree, monkeypatch, tmp_path):
    open_kb(tree).database.write_bytes(b"damaged")
    edit(tree, "data/papers/2020/beta.yaml", "year: 2020", "year: soon")
    items = found(tree, monkeypatch)
    assert (items["database"].state, items["database"].fix) == ("broken", "Run: moe-kb build --force")
    assert (items["records"].state, items["records"].fix) == ("broken", "Run: moe-kb check")
    assert "findings" in items["records"].detail
    items = found(tmp_path / "nowhere", monkeypatch)
    assert items["records"].state == "broken"
    assert "holds no data/" in items["records"].detail


def test_damage_anywhere_is_found_and_mended(tree, monkeypatch):
    database = open_kb(tree).database
    whole = database.read_bytes()
    for tenth in range(1, 10):
        middle = len(whole) * tenth // 10
        for number in (1, 64, 4096):
            raw = bytearray(whole)
            raw[middle : middle + number] = bytes(byte ^ 0xFF for byte in raw[middle : middle + number])
            database.write_bytes(raw)
            assert damage(database)
    raw = bytearray(whole)
    raw[len(whole) // 2 + 9] ^= 1
    database.write_bytes(raw)
    item = found(tree, monkeypatch)["database"]
    assert (item.state, item.fix) == ("broken", "Run: moe-kb build --force")
    assert "is damaged: " in item.detail
    build(tree, database, force=True)
    assert found(tree, monkeypatch)["database"].state == "ok"


def test_a_refresh_carries_no_damage_along(tree):
    database = open_kb(tree).database
    raw = database.read_bytes()
    assert raw.count(b"Alpha router") > 0
    database.write_bytes(raw.replace(b"Alpha router", b"Alpha r0uter"))
    edit(tree, "data/papers/2020/beta.yaml", "name: Beta\n", "name: Beta again\n")
    assert build(tree, database).mode == "full"
    assert damage(database) is None
    assert open_kb(tree).get("alpha-router").name == "Alpha router"


def test_missing_parts_are_optional_and_name_their_extra(tree, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "pyarrow" else real(name, *rest)
    )
    item = found(tree, monkeypatch)["pyarrow"]
    assert (item.state, item.fix) == ("missing", "Run: pip install 'moe-kb[parquet]'")


@pytest.mark.parametrize("what", ["streamlit", "torch", "laboratory"])
def test_every_part_is_looked_at(tree, monkeypatch, what):
    assert found(tree, monkeypatch)[what].detail


def test_damaged_runs_are_named_with_the_fix(tree, monkeypatch, tmp_path):
    monkeypatch.setenv("MOE_KB_LAB", str(tmp_path / "runs"))
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "runs.db").write_bytes(b"no database, but long enough to be looked at" * 100)
    item = found(tree, monkeypatch)["laboratory"]
    assert item.state == "broken"
    assert "runs.db" in item.detail
    assert "move it away" in item.fix

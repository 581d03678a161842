"""Opening: anything but a whole database of this version is a clear error, and nothing can be written through it."""

import shutil
import sqlite3

import pytest
from databases import damage_table

from moe_kb.db.connect import SCHEMA_VERSION, connect
from moe_kb.errors import DatabaseError
from moe_kb.kb import KnowledgeBase, open_kb


def refused(path, message: str) -> None:
    with pytest.raises(DatabaseError, match=message) as caught:
        connect(path)
    assert str(path) in str(caught.value)
    with pytest.raises(DatabaseError, match=message):
        KnowledgeBase(path)


def test_what_is_no_database_is_refused(tmp_path):
    refused(tmp_path / "no.db", r"does not exist\. Run: moe-kb build")
    refused(tmp_path, r"is no file\. Name the database's file")
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE things (a)")
    connection.close()
    refused(tmp_path / "other.db", "is no readable moe-kb database")


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "zeros"])
def test_damaged_databases_say_how_to_rebuild(database, damage):
    raw = database.read_bytes()
    database.write_bytes({"empty": b"", "text": b"hello " * 999, "cut": raw[:1000], "zeros": bytes(len(raw))}[damage])
    refused(database, r"is no readable moe-kb database .*Run: moe-kb build --force")


def test_damage_found_later_is_named(database):
    raw = database.read_bytes()
    database.write_bytes(raw[: len(raw) // 2 // 4096 * 4096])
    with pytest.raises(DatabaseError, match=r"moe-kb build --force"):
        open_kb(database=database, refresh=False).briefs()
    database.write_bytes(raw)
    damage_table(database, "records")
    kb = open_kb(database=database, refresh=False)
    for ask in (kb.briefs, lambda: kb.paper("alpha"), lambda: kb.search("alpha"), kb.stats):
        with pytest.raises(DatabaseError, match=r"is damaged .*Run: moe-kb build --force"):
            ask()


@pytest.mark.parametrize("version", ["0", "999", "one", None])
def test_another_schema_version_is_named(database, version):
    connection = sqlite3.connect(database)
    if version is None:
        connection.execute("DELETE FROM meta WHERE key = 'schema_version'")
    else:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (version,))
    connection.commit()
    connection.close()
    refused(database, rf"has schema version {version or 'none'}, this moe-kb reads {SCHEMA_VERSION}")


def test_odd_names_of_files_are_opened(database, tmp_path):
    for name in ("with space.db", "a?mode=rw.db", "100%.db", "a#b.db", "é.db", "it's.db"):
        shutil.copy(database, tmp_path / name)
        assert KnowledgeBase(tmp_path / name).paper("alpha").year == 2021


@pytest.mark.parametrize(
    "claim", ["DELETE FROM papers", "DROP TABLE papers", "CREATE TABLE t (a)", "UPDATE meta SET value = 1"]
)
def test_nothing_is_written_through_a_connection(database, claim):
    before = database.read_bytes()
    connection = connect(database)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute(claim)
    connection.close()
    assert database.read_bytes() == before

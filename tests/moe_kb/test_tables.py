"""The tables and views as SQLModel classes: they are those of the database, and nothing is written through them."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from moe_kb import tables
from moe_kb.db.connect import CHANGED, SCHEMA_VERSION


@pytest.mark.parametrize("name", tables.__all__)
def test_classes_have_the_columns_of_the_database(kb, name):
    declared = getattr(tables, name)
    with kb.reader() as reader:
        columns = reader.values("SELECT name FROM pragma_table_info(?)", (declared.__tablename__,))
        rows = reader.value(f"SELECT count(*) FROM {declared.__tablename__}")
    assert list(declared.__table__.c.keys()) == columns
    with kb.session() as session:
        found = session.exec(select(declared)).all()
    assert len({id(row) for row in found}) == len(found) == rows, "no two rows are taken for one"


def test_every_table_and_view_has_a_class(kb):
    with kb.reader() as reader:
        described = set(reader.values("SELECT DISTINCT table_name FROM dictionary"))
    assert described - {getattr(tables, name).__tablename__ for name in tables.__all__} == {
        "addresses",
        "files",
        "folded_names",
        "search",
        "search_names",
        "search_places",
        "words",
    }


def test_sessions_are_read_only(kb):
    with kb.session() as session:
        design = session.exec(select(tables.Design)).first()
        design.name = "another"
        session.add(design)
        with pytest.raises(OperationalError, match="readonly"):
            session.commit()


def test_changed_names_lead_to_names_of_today(kb):
    with kb.reader() as reader:
        names = {
            name
            for table, column in reader.tuples("SELECT table_name, column_name FROM dictionary")
            for name in (table, f"{table}.{column}")
        }
    assert [old for old, _, _ in CHANGED if old in names] == []
    assert [new for _, new, _ in CHANGED if new not in names] == []
    assert {since for _, _, since in CHANGED} <= set(range(SCHEMA_VERSION + 1))

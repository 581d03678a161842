"""The database as files, read back by other libraries."""

import csv
import json

import bibtexparser
import pyarrow.parquet as pq
import pytest
from databases import sql_rows

from moe_kb.csv_text import MARK, NOTE, cell, whole
from moe_kb.errors import MoeKbError
from moe_kb.exporters.tables import FORMATS


@pytest.fixture
def exported(kb, tmp_path):
    return {path.name: path for path in kb.export(tmp_path / "out", FORMATS)}


def tables(kb) -> list[str]:
    rows = sql_rows(kb, "SELECT table_name FROM dictionary WHERE column_name = ''")
    internal = {"search", "search_names", "search_places", "words", "addresses", "folded_names"}
    internal |= {"files", "record_references", "node_ancestors"}
    return [row["table_name"] for row in rows if row["table_name"] not in internal]


def test_tables_and_views_come_in_every_format(kb, exported):
    names = tables(kb)
    assert len(names) > 25
    expected = {f"{name}.{form}" for name in names for form in ("csv", "json", "parquet")}
    assert set(exported) == expected | {"papers.bib", "DATA-DICTIONARY.md"}
    assert all(path.is_file() for path in exported.values())


def test_all_formats_say_what_the_database_says(kb, exported):
    for name in tables(kb):
        rows = sql_rows(kb, f'SELECT * FROM "{name}"')
        assert json.loads(exported[f"{name}.json"].read_text(encoding="utf-8")) == rows
        with exported[f"{name}.csv"].open(encoding="utf-8", newline="") as file:
            read = list(csv.DictReader(file))
        assert read == [{k: str(cell(v)) for k, v in row.items()} for row in rows]
        table = pq.read_table(exported[f"{name}.parquet"]).to_pylist()
        assert [{k: v if v is None else str(whole(v)) for k, v in row.items()} for row in table] == [
            {k: v if v is None else str(whole(v)) for k, v in row.items()} for row in rows
        ], name


def test_the_bibliography_holds_every_paper(kb, exported):
    library = bibtexparser.parse_file(str(exported["papers.bib"]))
    assert not library.failed_blocks
    assert {entry.key for entry in library.entries} == {"author2021alpha", "writer2020beta"}


def test_the_dictionary_describes_every_column(kb, exported):
    text = exported["DATA-DICTIONARY.md"].read_text(encoding="utf-8")
    for name in tables(kb):
        section = text.partition(f"## {name} (")[2].partition("\n## ")[0]
        assert section, name
        for row in sql_rows(kb, f'SELECT name FROM pragma_table_info("{name}")'):
            assert f"| `{row['name']}` |" in section, (name, row["name"])
    assert kb.content_hash[:12] in text
    assert all(line.count("|") - line.count("\\|") == 4 for line in text.splitlines() if line.startswith("|"))


def test_exports_replace_their_own_files_only(kb, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "papers.csv").write_text("old")
    kb.export(tmp_path, ["csv"])
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert (tmp_path / "papers.csv").read_text().startswith("key,record,name,title")
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.parametrize("formats", [[], ["xlsx"], ["csv", "../x"]])
def test_unknown_formats_write_nothing(kb, tmp_path, formats):
    with pytest.raises(MoeKbError, match=r"unknown format .*Use any of: csv, json, parquet, bibtex"):
        kb.export(tmp_path / "out", formats)
    assert not (tmp_path / "out").exists()


def test_counts_are_whole_in_every_format(kb, exported):
    layers = {row["configuration"]: row["n_layers"] for row in sql_rows(kb, "SELECT * FROM hyperparameters")}
    assert {type(number) for number in layers.values()} == {int}
    assert ".0" not in "".join(exported["hyperparameters.csv"].read_text().splitlines()[1:])
    assert ".0," not in exported["hyperparameters.json"].read_text()
    assert {type(row["number"]) for row in sql_rows(kb, "SELECT number FROM claims WHERE number = 512")} == {int}


def test_excel_files_begin_with_a_mark(kb, tmp_path):
    paths = kb.export(tmp_path / "out", ["csv", "json"], excel=True)
    assert {path.suffix for path in paths if path.read_text(encoding="utf-8").startswith(MARK)} == {".csv"}
    assert f"{NOTE[1:]}" in (tmp_path / "out" / "DATA-DICTIONARY.md").read_text(encoding="utf-8")

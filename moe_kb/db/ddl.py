"""Creating the empty database: tables, search indexes, views and the data dictionary."""

from __future__ import annotations

import sqlite3

from sqlalchemy import Table as SQLTable
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from moe_kb.db.schema import TABLES, Table
from moe_kb.db.views import VIEWS
from moe_kb.fields import HYPERPARAMETER_WORDS, HYPERPARAMETERS
from moe_kb.jsonschema import field_docs
from moe_kb.records import GatingProperties

SEARCH_TABLES = {
    "search": (
        "Full-text index (FTS5, bm25): MATCH finds words, ordered by rank; rowid is records.id. linked: names of a "
        "design's users, of a paper's designs and models.",
        "CREATE VIRTUAL TABLE search USING fts5(name, title, body, linked, "
        "tokenize = 'porter unicode61 remove_diacritics 2')",
    ),
    "search_places": (
        "Full-text index of taxonomy nodes and implementations; place is node:taxonomy:path or implementation:key.",
        "CREATE VIRTUAL TABLE search_places USING fts5(place UNINDEXED, name, body, "
        "tokenize = 'porter unicode61 remove_diacritics 2')",
    ),
    "search_names": (
        "Trigram index of names, for parts of a word of three letters or more; rowid is records.id.",
        "CREATE VIRTUAL TABLE search_names USING fts5(name, tokenize = 'trigram')",
    ),
}

#: What computed columns of views mean, where the column of that name in a table does not say it.
_VIEW_COLUMNS = {
    "key": "Key",
    "name": "Name",
    "subject": "Full name of what it is about",
    "source": "Source that says so",
    "node": "Path of the node",
    "sources_by_use.type": "Type of the source",
    "sources_by_use.url": "Where it can be seen",
    "sources_by_use.claims": "Number of claims that cite it",
    "sources_by_use.records": "Number of records that cite it anywhere",
    "open_disagreements.kind": "values (two values differ) or counting (unclear whether shared experts count)",
    "open_disagreements.field": "The field in dispute",
    "node_label": "Label of the node",
    "design": "Key of the design",
    "design_name": "Name of the design",
    "user": "Key of the user",
    "user_name": "Name of the user",
    "user_kind": "Kind of the user",
    "model": "Key of the model",
    "configuration": "Label of the size",
    "timeline": "Key of the table",
    "benchmark": "Benchmark",
    "score": "Score",
    "roles": "What the user does with the design: introduces, uses, modifies",
    "sources": "Sources that say so",
    "only_inferred": "1 where every source's claim was inferred",
}


def create(connection: sqlite3.Connection) -> None:
    """Create everything but the indexes, and fill the data dictionary."""
    for model in TABLES:
        connection.execute(str(CreateTable(_table(model)).compile(dialect=sqlite.dialect())))
    for _, claim in SEARCH_TABLES.values():
        connection.execute(claim)
    for name, (_, select) in VIEWS.items():
        connection.execute(f"CREATE VIEW {name} AS {select}")
    _describe(connection)


def create_indexes(connection: sqlite3.Connection) -> None:
    """Create the indexes; once the rows are in, sorting them takes half the time of inserting into an index."""
    for model in TABLES:
        for index in sorted(_table(model).indexes, key=lambda index: str(index.name)):
            connection.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))


def _table(model: type[Table]) -> SQLTable:
    table: SQLTable = model.__table__  # type: ignore[attr-defined]
    return table


def _describe(connection: sqlite3.Connection) -> None:
    rows: list[tuple[str, str, str, str, str]] = []
    words = dict(_VIEW_COLUMNS)
    for name, meaning in field_docs(GatingProperties).items():
        words[f"gating_designs_compared.{name}"] = " ".join(meaning.split()).rstrip(".")
    for name, hyperparameter in (HYPERPARAMETERS | HYPERPARAMETER_WORDS).items():
        words[f"hyperparameters.{name}"] = hyperparameter.description
    for model in TABLES:
        table = str(model.__tablename__)
        rows.append((table, "", "table", "", (model.__doc__ or "").strip()))
        types = {row[1]: row[2] for row in connection.execute(f"PRAGMA table_info({table})")}
        for column, info in model.model_fields.items():
            rows.append((table, column, "table", types[column], info.description or ""))
            words.setdefault(column, info.description or "")
    for name, (description, _) in SEARCH_TABLES.items():
        rows.append((name, "", "table", "", description))
    for name, (description, _) in VIEWS.items():
        rows.append((name, "", "view", "", description))
        for info in connection.execute(f"PRAGMA table_info({name})"):
            rows.append((name, info[1], "view", info[2], words.get(f"{name}.{info[1]}") or words[info[1]]))
    connection.executemany("INSERT INTO dictionary VALUES (?, ?, ?, ?, ?)", rows)

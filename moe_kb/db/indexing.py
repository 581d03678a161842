"""Writing what search looks at: the text of records, names of what is linked to them, their words, and places."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from moe_kb.db.rows import search_text
from moe_kb.db.write import Writer
from moe_kb.folding import fold, words
from moe_kb.records import Organisations, Record, ShortForms

#: Records under whose names another is sought: users of a design ("Mixtral router"), designs and models of a paper.
_LINKS = """
    SELECT tail AS record, head AS other FROM edges
    WHERE type = 'described-by' OR type IN ('introduces', 'uses', 'modifies') AND tail GLOB 'design:*'
    UNION SELECT head, tail FROM edges WHERE type = 'introduces'
"""


def write_index(connection: sqlite3.Connection, writer: Writer, records: Mapping[int, Record]) -> None:
    """Index records, by their ids, whose rows and edges are written."""
    linked = _linked(connection, [record.reference for record in records.values()])
    number: Counter[str] = Counter()
    for identity, record in records.items():
        name, title, body = search_text(record)
        for folded in dict.fromkeys(map(fold, (record.name, record.key, *getattr(record, "aliases", ())))):
            writer.add("folded_names", {"record": record.reference, "folded": folded})
        row = {"name": name, "title": title, "body": body, "linked": linked.get(record.reference, "")}
        writer.add("search", {**row, "rowid": identity})
        writer.add("search_names", {"name": name, "rowid": identity})
        number.update({*words(name), *words(title), *words(body)})
    writer.flush("folded_names", "search", "search_names")
    _count(connection, number)


def remove_index(connection: sqlite3.Connection, identity: int) -> None:
    """Take a record out of the index, by its id."""
    for row in connection.execute("SELECT name, title, body FROM search WHERE rowid = ?", (identity,)):
        gone = {word for text in row for word in words(text)}
        connection.executemany("UPDATE words SET records = records - 1 WHERE word = ?", [(word,) for word in gone])
        connection.execute("DELETE FROM words WHERE records <= 0")
    for table in ("search", "search_names"):
        connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (identity,))


def linked_to(connection: sqlite3.Connection, records: Iterable[str]) -> set[str]:
    """Full names of the records in whose text the names of these stand."""
    return {
        record
        for (record,) in connection.execute(
            f"SELECT record FROM ({_LINKS}) WHERE other IN (SELECT value FROM json_each(?))",
            (json.dumps(list(records)),),
        )
    }


def link_again(connection: sqlite3.Connection, records: Collection[str]) -> None:
    """Bring the names of what is linked to some records up to date."""
    linked = _linked(connection, records)
    connection.executemany(
        "UPDATE search SET linked = ?1 WHERE rowid = (SELECT id FROM records WHERE record = ?2)",
        [(linked.get(record, ""), record) for record in sorted(records)],
    )


def write_places(connection: sqlite3.Connection, writer: Writer) -> None:
    """Index taxonomy nodes and implementations, whose rows are written."""
    labels = {
        (tree, node): label for tree, node, label in connection.execute("SELECT taxonomy, node, label FROM nodes")
    }
    for tree, node, description in connection.execute("SELECT taxonomy, node, coalesce(description, '') FROM nodes"):
        pieces = node.split("/") if node else []
        above = [labels.get((tree, "/".join(pieces[:depth])), "") for depth in range(len(pieces))]
        text = f"{description}\n{' '.join(above)}"
        writer.add("search_places", {"place": f"node:{tree}:{node}", "name": labels[tree, node], "body": text})
    for key, name, summary, designs in connection.execute("SELECT key, name, summary, designs FROM implementations"):
        row = {"place": f"implementation:{key}", "name": name, "body": f"{summary}\n{key} {designs}"}
        writer.add("search_places", row)
    writer.flush("search_places")


def write_short_forms(writer: Writer, short_forms: ShortForms, organisations: Organisations) -> None:
    """The list of short forms, and the spellings of organisations' names."""
    listed = [(entry.term, entry.forms) for entry in short_forms.short_forms]
    listed += [(entry.name, entry.aliases) for entry in organisations.organisations if entry.aliases]
    for term, forms in listed:
        for folded, form in {fold(form): form for form in (*forms, term)}.items():
            writer.add("short_forms", {"folded": folded, "term": term, "form": form})
    writer.flush("short_forms")


def _linked(connection: sqlite3.Connection, records: Collection[str]) -> dict[str, str]:
    """Names of what is linked to each record, as one text."""
    names: dict[str, set[str]] = defaultdict(set)
    wanted = set(records)
    for record, name in connection.execute(
        f"SELECT l.record, r.name FROM ({_LINKS}) l JOIN records r ON r.record = l.other"
    ):
        if record in wanted:
            names[record].add(name)
    return {record: "; ".join(sorted(found)) for record, found in names.items()}


def _count(connection: sqlite3.Connection, number: Counter[str]) -> None:
    connection.executemany(
        "INSERT INTO words VALUES (?, ?) ON CONFLICT (word) DO UPDATE SET records = records + excluded.records",
        sorted(number.items()),
    )

"""`moe-kb doctor`: what works on this machine, what does not, and how to fix it."""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from moe_kb.errors import MoeKbError


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing looked at."""

    what: str
    state: Literal["ok", "missing", "broken"]
    """`missing` parts are optional; `broken` ones are not."""
    detail: str
    fix: str = ""


def examine() -> Iterator[Diagnosis]:
    """Look at Python, SQLite, the records, the database, the optional parts and the laboratory."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Diagnosis("Python", "ok" if sys.version_info >= (3, 11) else "broken", version, "Use Python 3.11 or newer.")
    yield _sqlite()
    yield from _knowledge_base()
    for package, extra, purpose in (
        ("streamlit", "app", "the web app"),
        ("plotly", "app", "charts"),
        ("torch", "lab", "the implementations"),
        ("pyarrow", "parquet", "Parquet exports"),
    ):
        yield _package(package, extra, purpose)
    yield from _laboratory()


def _sqlite() -> Diagnosis:
    try:
        connection = sqlite3.connect(":memory:")
        connection.execute("CREATE VIRTUAL TABLE t USING fts5(a, tokenize = 'trigram')")
        connection.close()
    except sqlite3.Error as error:
        return Diagnosis("SQLite", "broken", f"{sqlite3.sqlite_version}: {error}", "Use a Python with SQLite >= 3.34.")
    return Diagnosis("SQLite", "ok", f"{sqlite3.sqlite_version} with FTS5 and trigrams")


def _knowledge_base() -> Iterator[Diagnosis]:
    from moe_kb.checks import check_corpus
    from moe_kb.corpus import Corpus
    from moe_kb.db.connect import connect
    from moe_kb.db.rehearsal import rehearse
    from moe_kb.db.replacing import damage
    from moe_kb.paths import default_database, find_root

    try:
        root = find_root()
    except MoeKbError as error:
        yield Diagnosis("records", "broken", str(error), "Install the package again, or give --root.")
        return
    corpus = Corpus.load(root)
    findings = [*check_corpus(corpus), *rehearse(corpus)]
    detail = f"{len(corpus.records)} in {root}" + (f", {len(findings)} findings" if findings else "")
    yield Diagnosis("records", "broken" if findings else "ok", detail, "Run: moe-kb check")
    database = default_database(root)
    if not database.is_file():
        yield Diagnosis("database", "missing", f"{database} is not built yet", "Run: moe-kb build")
        return
    try:
        connect(database).close()
        wrong = f"{database} is damaged: {found}" if (found := damage(database)) else ""
    except (MoeKbError, OSError) as error:
        wrong = str(error)
    if wrong:
        yield Diagnosis("database", "broken", wrong, "Run: moe-kb build --force")
    else:
        yield Diagnosis("database", "ok", f"{database} ({database.stat().st_size / 1e6:.1f} MB)")


def _package(package: str, extra: str, purpose: str) -> Diagnosis:
    if importlib.util.find_spec(package) is None:
        return Diagnosis(package, "missing", f"needed for {purpose}", f"Run: pip install 'moe-kb[{extra}]'")
    return Diagnosis(package, "ok", f"{metadata.version(package)}, for {purpose}")


def _laboratory() -> Iterator[Diagnosis]:
    from moe_kb.lab import Lab, LabError
    from moe_kb.lab.results import installed_results

    try:
        lab = Lab(only_look=True)
        lab.runs(1)
    except LabError as error:
        yield Diagnosis("laboratory", "broken", f"{error.place}: {error.rule}", error.fix)
        return
    for problem in (*lab.problems(), *installed_results()[1]):
        yield Diagnosis("laboratory", "broken", f"{problem.place}: {problem.message}", problem.fix)
    yield Diagnosis("laboratory", "ok", f"{len(lab.catalogue())} implementations; runs in {lab.home}")

"""The numbers of the overview: each is what its query says, and nothing else counts."""

from __future__ import annotations

from dataclasses import dataclass

from moe_kb.db.reader import Reader

#: What is counted, and the query that counts it; a person can run it in the SQL console.
QUERIES = {
    "papers": "SELECT count(*) FROM papers",
    "nodes": "SELECT count(*) FROM nodes",
    "gating": "SELECT count(*) FROM designs WHERE component = 'gating'",
    "others": "SELECT count(*) FROM designs WHERE component != 'gating'",
    "models": "SELECT count(*) FROM models",
    "claims": "SELECT count(*) FROM claims_counted",
    "systems": "SELECT count(*) FROM systems",
    "implementations": "SELECT count(*) FROM implementations",
    "configurations": "SELECT count(*) FROM configurations",
    "described": "SELECT count(*) FROM models WHERE n_configurations > 0",
    "sources": "SELECT count(*) FROM sources",
    "differ": "SELECT count(*) FROM disagreements",
    "open": "SELECT count(*) FROM open_disagreements",
    "without": "SELECT count(*) FROM designs_without_implementation",
}


@dataclass(frozen=True, slots=True)
class Count:
    """A number and the query that it answers."""

    number: int
    sql: str

    @property
    def text(self) -> str:
        """The number with its thousands parted."""
        return f"{self.number:,}"


def counts(reader: Reader) -> dict[str, Count]:
    """Every number of the overview, by the names of `QUERIES`."""
    return {name: Count(int(reader.value(sql)), sql) for name, sql in QUERIES.items()}

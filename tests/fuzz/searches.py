"""Searches: words of the records, pieces of them, and what nobody should type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from fuzz.harness import Attempt
from fuzz.text import text_of
from trees import small_tree

from moe_kb.errors import MoeKbError
from moe_kb.kb import open_kb

KINDS = (None, "paper", "design", "model", "system", "source", "table", "nothing")


@contextmanager
def searches(folder: Path) -> Iterator[Attempt]:
    """Searches of the fabricated tree's database; every hit must be a record that is there."""
    kb = open_kb(small_tree(folder / "tree"), database=folder / "kb.db")
    records = {brief.record: brief.name for brief in kb.briefs()}
    words = sorted({word for name in records.values() for word in name.split()} | {"expert", "gate", "router"})
    nodes = [None, *kb.node_labels()]

    def attempt(random: Random) -> str:
        text = text_of(random, words)
        year = random.choice((None, None, None, 2020, (2018, 2022), (2022, 2018), -1, 10**30))
        node = random.choice(nodes) if random.random() < 0.2 else random.choice((None, None, None, text))
        limit = random.choice((0, 1, 7, 50, 1000))
        try:
            hits = kb.search(text, kind=random.choice(KINDS), node=node, year=year, limit=limit)
        except MoeKbError:
            return "refused"
        assert len(hits) <= limit
        assert {hit.record for hit in hits} <= set(records)
        return "found" if hits else "nothing found"

    yield attempt

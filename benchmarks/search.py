"""Searching 20,000 papers for the committed queries, first 50 rows; beside it FTS5 alone on the same words.

python -m benchmarks.search
"""

from __future__ import annotations

import re
import shutil
import statistics
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.measure import Result, Time, interleaved, main, progress, scratch, timed, worker
from benchmarks.synthetic import write_tree
from moe_kb.corpus import SHORT_FORMS
from moe_kb.db.connect import connect
from moe_kb.kb import KnowledgeBase
from moe_kb.paths import find_root

QUERIES = Path(__file__).with_name("queries.txt")
COMMON = "very common words"
EVERYTHING = "all 50 queries"
PAPERS = 20_000
ROUNDS = 9


def queries() -> dict[str, list[str]]:
    """The committed queries by group."""
    groups: dict[str, list[str]] = {}
    name = ""
    for line in QUERIES.read_text(encoding="utf-8").splitlines():
        if re.fullmatch(r"\[[a-z ]+\]", line):
            name = line.strip("[]")
        elif line and not line.startswith("#"):
            groups.setdefault(name, []).append(line)
    return groups


def run(*, show: bool = False) -> list[Result]:
    """All results of this benchmark; with `show`, each query's time on standard error."""
    with scratch() as folder:
        progress(f"writing and building {PAPERS:,} papers for search")
        write_tree(folder, PAPERS)
        shutil.copy(find_root() / SHORT_FORMS, folder / SHORT_FORMS)  # what a question's words stand for
        worker("build", folder, folder / "kb.db")
        return measure(KnowledgeBase(folder / "kb.db", folder), show=show)


def measure(kb: KnowledgeBase, *, show: bool = False) -> list[Result]:
    """Time every query of a built database."""
    progress("searching")
    ours: dict[str, list[Time]] = {}
    bare: dict[str, list[Time]] = {}
    for group, texts in queries().items():
        for text in texts:
            words = " ".join(f'"{word}"' for word in re.findall(r"[^\W_]+", text))
            search = partial(timed, partial(kb.search, text, limit=50))
            beside = partial(timed, partial(_fts5_alone, kb.database, words))
            found = interleaved(ROUNDS, {"ours": search, "bare": beside})
            ours.setdefault(group, []).append(found["ours"])
            bare.setdefault(group, []).append(found["bare"])
            if show:
                hits = len(kb.search(text, limit=50))
                progress(f"{found['ours'].wall * 1e3:7.2f} ms  FTS5 {found['bare'].wall * 1e3:7.2f}  {hits:3d}  {text}")
    results = []
    for group in (EVERYTHING, *ours):
        chosen = list(ours) if group == EVERYTHING else [group]
        times = [time.wall for name in chosen for time in ours[name]]
        middle, worst = statistics.median(times), max(times)
        alone = statistics.median(time.wall for name in chosen for time in bare[name])
        target = {COMMON: "each <= 40 ms", EVERYTHING: "median <= 10 ms"}.get(group, "")
        met = worst <= 0.040 if group == COMMON else middle <= 0.010
        measured = f"median {middle * 1e3:.1f} ms, worst {worst * 1e3:.1f} ms; FTS5 alone median {alone * 1e3:.1f} ms"
        results.append(Result(f"search, {group}", measured, f"{middle / alone:.1f}x", target, met if target else None))
    return results


def _fts5_alone(database: Path, words: str) -> None:
    with closing(connect(database)) as connection:
        if words:
            connection.execute(
                "SELECT rowid FROM search WHERE search MATCH ? ORDER BY rank LIMIT 50", (words,)
            ).fetchall()


if __name__ == "__main__":
    main("Search", lambda: run(show=True))

"""A build that is killed at any moment leaves the old database or the new one, whole, and nothing that piles up."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from databases import temporary_files, whole
from trees import many_papers

from moe_kb.db.build import build

PAPERS = 200
#: Builds for ever, by turns from scratch and by refreshing; says the number before and after each build.
BUILDER = """
import sys
from pathlib import Path
from moe_kb.db.build import build
root, database, number = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
paper = root / "data/papers/2020/p7.yaml"
while True:
    number += 1
    lines = paper.read_text().splitlines()
    lines[1] = f"name: Edition {number}"
    fresh = root / "p7.yaml"  # the kill may come here too: the record is never half written
    fresh.write_text("\\n".join(lines) + "\\n")
    fresh.replace(paper)
    print("begun", number, flush=True)
    build(root, database, force=number % 3 == 0)
    print("done", number, flush=True)
"""


def test_kill_at_random_moments(tmp_path):
    tree, database = many_papers(tmp_path / "tree", PAPERS), tmp_path / "kb.db"
    build(tree, database)
    moments = random.Random(7)
    number, edition, cut_short = 0, "Paper 7", 0
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", BUILDER, str(tree), str(database), str(number)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(moments.uniform(0, 0.5))
        os.kill(process.pid, signal.SIGKILL)
        said = [line.split() for line in [first, *process.stdout.read().splitlines()]]
        process.wait()
        number = max(int(n) for what, n in said if what == "begun")
        old = max((f"Edition {n}" for what, n in said if what == "done"), default=edition, key=lambda e: (len(e), e))
        assert whole(database)
        connection = sqlite3.connect(database)
        (edition,) = connection.execute("SELECT name FROM papers WHERE key = 'p7'").fetchone()
        assert edition in (old, f"Edition {number}")
        cut_short += edition != f"Edition {number}"
        for table, rows in (("papers", PAPERS), ("search", PAPERS + 2), ("search_names", PAPERS + 2)):  # two sources
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (rows,)
        (claims,) = connection.execute("SELECT count(*) FROM claims WHERE field = 'citations'").fetchone()
        assert claims == PAPERS
        connection.close()
        assert len(temporary_files(database)) <= 1
    assert cut_short > 0
    lines = (tree / "data/papers/2020/p7.yaml").read_text().splitlines()
    (tree / "data/papers/2020/p7.yaml").write_text("\n".join([lines[0], "name: The last", *lines[2:]]) + "\n")
    build(tree, database)
    assert temporary_files(database) == []
    connection = sqlite3.connect(database)
    assert connection.execute("SELECT name FROM papers WHERE key = 'p7'").fetchone() == ("The last",)
    connection.close()


def test_processes_that_build_at_once(tmp_path):
    tree, database = many_papers(tmp_path / "tree", 60), tmp_path / "kb.db"
    code = "import sys; from pathlib import Path; from moe_kb.db.build import build\n"
    code += "for force in (True, False, True): build(Path(sys.argv[1]), Path(sys.argv[2]), force=force)"

    def run(_: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, str(tree), str(database)], capture_output=True, text=True, check=False
        )

    with ThreadPoolExecutor(3) as pool:
        finished = list(pool.map(run, range(3)))
    assert [(p.returncode, p.stderr) for p in finished] == [(0, "")] * 3
    assert whole(database)
    assert temporary_files(database) == []


def test_leftovers_of_killed_builds_are_swept(tmp_path):
    tree, database = many_papers(tmp_path / "tree", 3), tmp_path / "kb.db"
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = tmp_path / f".kb.db.{int(gone.stdout)}.0123abcd.tmp"
    younger = tmp_path / f".kb.db.{os.getpid()}.0123abcd.tmp"  # as if this process had got the number of a dead one
    in_use = tmp_path / f".kb.db.{os.getpid()}.89abcdef.tmp"
    for file in (left, younger, in_use):
        file.write_text("")
    os.utime(younger, (1, 1))
    build(tree, database)
    assert temporary_files(database) == [in_use.name]

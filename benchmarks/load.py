"""Fifty readers at once: a server as `moe-kb app` starts it, and sessions that speak Streamlit's protocol to it.

Each session opens pages at random from a mix, thinks 5 to 15 seconds between two, and after some pages closes and comes
anew. The time of a page is that from asking until the server says that its script has finished; no browser draws it.
First all sessions ask at once (the burst).

    python -m benchmarks.load                          real data, then 20,000 papers, ten minutes each
    python -m benchmarks.load --minutes 2 --tree DIR   the tree in DIR alone
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import psutil
from websockets.asyncio.client import ClientConnection, connect

from benchmarks import served
from benchmarks.measure import REPOSITORY, Result, progress, scratch, table
from benchmarks.synthetic import write_tree
from moe_kb.kb import KnowledgeBase, open_kb

SESSIONS, MINUTES, PAPERS = 50, 10.0, 20_000
#: A session thinks so many seconds, evenly distributed, between two pages, and closes after so many pages.
THINKS, PAGES = (5.0, 15.0), 12
P95, GROWTH = 2.0, 1.05

#: How often each page is opened, out of all.
MIX = {
    **{"": 10, "papers": 12, "search": 10, "paper": 22, "design": 10, "model": 10, "taxonomy": 6, "models": 5},
    **{"designs": 4, "compare": 3, "trends": 2, "trade-offs": 2, "size": 2, "systems": 2, "evidence": 2, "query": 1},
}
WORDS = ["experts routing seekmoe top-k load balancing", "vision", "multilingual translation", "deepseek", "capacity"]


@dataclass
class Figures:
    """What was measured."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By page."""
    burst: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    """MB of the server at the end of each minute."""
    busy: list[float] = field(default_factory=list)
    """Processors that the server kept busy in each minute."""
    bytes: int = 0

    @property
    def all(self) -> list[float]:
        """Every page after the burst."""
        return [seconds for found in self.seconds.values() for seconds in found]


def p95(found: list[float]) -> float:
    """The value that 95 of 100 do not exceed."""
    return sorted(found)[max(0, -(-95 * len(found) // 100) - 1)]


class Pages:
    """Addresses drawn from the mix."""

    def __init__(self, kb: KnowledgeBase, seed: int) -> None:
        self.rng = random.Random(seed)
        with kb.reader() as reader:
            self.keys: dict[str, list[str]] = defaultdict(list)
            for kind, key in reader.tuples("SELECT kind, key FROM records WHERE kind IN ('paper', 'design', 'model')"):
                self.keys[kind].append(key)
            self.nodes = reader.values("SELECT taxonomy || ':' || node FROM nodes")
        self.gates = [gate.record.partition(":")[2] for gate in kb.gates()]

    def draw(self) -> tuple[str, str, str]:
        """What is opened, and page and query of its address."""
        (what,) = self.rng.choices(list(MIX), list(MIX.values()))
        page, query = what, {}
        if what in self.keys:
            query = {"key": self.rng.choice(self.keys[what])}
        elif what == "search":
            page, query = "papers", {"q": self.rng.choice(WORDS)}
        elif what == "taxonomy" and self.nodes:
            query = {"node": self.rng.choice(self.nodes)}
        elif what == "compare":
            query = {"keys": ",".join(self.rng.sample(self.gates, min(3, len(self.gates))))}
        return what or "overview", page, urlencode(query)


async def opened(connection: ClientConnection, page: str, query: str, figures: Figures) -> float:
    """Seconds until a page's script has finished."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    message = BackMsg()
    message.rerun_script.query_string = query
    message.rerun_script.page_name = page
    begun = time.perf_counter()
    await connection.send(message.SerializeToString())
    while True:
        data = await connection.recv()
        figures.bytes += len(data)
        answer = ForwardMsg()
        answer.ParseFromString(data if isinstance(data, bytes) else data.encode())
        if answer.WhichOneof("type") == "script_finished":
            # A page that goes on to another address at once is run again before anything is shown.
            if answer.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return time.perf_counter() - begun
        elif answer.WhichOneof("type") == "delta" and answer.delta.new_element.WhichOneof("type") == "exception":
            figures.errors.append(f"/{page}?{query}: {answer.delta.new_element.exception.message}")


async def session(
    origin: str, cookie: str, pages: Pages, figures: Figures, start: asyncio.Barrier, end: asyncio.Event
) -> None:
    """One reader: the burst, then pages until the end."""
    first = True
    while not end.is_set():
        async with connect(
            origin.replace("http", "ws") + "/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]  a NewType of str
            additional_headers={"Cookie": cookie, "Origin": origin},
            max_size=None,
            ping_timeout=None,
            open_timeout=60,
        ) as connection:
            for _ in range(PAGES):
                what, page, query = pages.draw()
                if first:
                    await start.wait()
                took = await opened(connection, page, query, figures)
                if first:
                    figures.burst.append(took)
                elif not end.is_set():
                    figures.seconds[what].append(took)
                first = False
                with suppress(TimeoutError):
                    await asyncio.wait_for(end.wait(), pages.rng.uniform(*THINKS))
                if end.is_set():
                    return


async def watched(process: psutil.Process, minutes: float, figures: Figures) -> None:
    """Note the server's memory and processor time each minute."""

    def used() -> float:
        return sum(process.cpu_times()[:4])

    begun, before = time.monotonic(), used()
    while (left := begun + minutes * 60 - time.monotonic()) > 0:
        span = min(60.0, left)
        await asyncio.sleep(span)
        now = used()
        figures.memory.append(process.memory_info().rss / 2**20)
        figures.busy.append((now - before) / span)
        before = now
        progress(
            f"{figures.memory[-1]:5.0f} MB, {figures.busy[-1]:.2f} processors, {len(figures.all)} pages, "
            f"p95 {p95(figures.all or [0.0]):.2f} s, machine's load {os.getloadavg()[0]:.1f}"
        )


async def _drive(server: served.Server, kb: KnowledgeBase, minutes: float, sessions: int) -> Figures:
    figures, start, end = Figures(), asyncio.Barrier(sessions), asyncio.Event()
    cookie = server.cookie
    async with asyncio.TaskGroup() as group:
        for number in range(sessions):
            group.create_task(session(server.origin, cookie, Pages(kb, number), figures, start, end))
        await watched(server.process, minutes, figures)
        end.set()
    return figures


def measure(what: str, root: Path, *, minutes: float = MINUTES, sessions: int = SESSIONS) -> list[Result]:
    """Results of one tree."""
    with scratch() as folder:
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        kb = open_kb(root)
        progress(f"{sessions} sessions on {what}, {minutes:g} minutes")
        with served.app(root, folder) as server:
            figures = asyncio.run(_drive(server, kb, minutes, sessions))
    for page, found in sorted(figures.seconds.items()):
        middle = statistics.median(found)
        progress(f"{page:12} {len(found):5}  p50 {middle:5.2f}  p95 {p95(found):5.2f}  worst {max(found):5.2f} s")
    for error in dict.fromkeys(figures.errors):
        progress(error)
    late = p95(figures.all)
    # What is kept of pages fills up to its limit first; level is what stays then.
    settled, last = figures.memory[-3:][0], figures.memory[-1]
    pages = f"{len(figures.all)} pages: p50 {statistics.median(figures.all):.2f} s, p95 {late:.2f} s"
    every = ", ".join(f"{memory:.0f}" for memory in figures.memory)
    busy = f"{statistics.fmean(figures.busy):.2f} processors, {figures.bytes / 2**20:.0f} MB sent"
    burst = f"p50 {statistics.median(figures.burst):.2f} s, p95 {p95(figures.burst):.2f} s"
    return [
        Result(
            f"{sessions} sessions, {minutes:g} minutes, {what}",
            f"{pages}, worst {max(figures.all):.2f} s; {busy}",
            "",
            f"p95 <= {P95:g} s, no errors",
            late <= P95 and not figures.errors,
        ),
        Result(f"the same, all at once, {what}", f"{burst}, worst {max(figures.burst):.2f} s", "", "", None),
        Result(
            f"the server's memory after each minute, {what}",
            f"{every} MB",
            f"{last / settled:.2f}x over the last two",
            f"<= {GROWTH:g}x",
            last <= GROWTH * settled,
        ),
    ]


def run(minutes: float = MINUTES, sessions: int = SESSIONS) -> list[Result]:
    """All results of this benchmark."""
    results = measure("real data", REPOSITORY, minutes=minutes, sessions=sessions)
    with scratch() as folder:
        progress(f"writing {PAPERS:,} papers")
        write_tree(folder / "tree", PAPERS)
        return results + measure(f"{PAPERS:,} papers", folder / "tree", minutes=minutes, sessions=sessions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--tree", type=Path, help="only this tree")
    given = parser.parse_args()
    if given.tree:
        found = measure(given.tree.name, given.tree, minutes=given.minutes, sessions=given.sessions)
    else:
        found = run(given.minutes, given.sessions)
    print(table("Load", found))

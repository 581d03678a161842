"""Server time of a warm re-render of every page of the app, without a browser.

The pages are whatever `app/app_pages/` holds. Streamlit's own test harness runs them: the script, its widgets and the
messages for the browser, everything but the network.

    python -m benchmarks.app
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.measure import REPOSITORY, Result, interleaved, main, progress, scratch, timed
from moe_kb.kb import KnowledgeBase, open_kb

APP = REPOSITORY / "app"
ROUNDS = 7
LIMIT = 0.300


def _busiest(kb: KnowledgeBase, kind: str) -> str:
    """Key of the record of a kind with the most edges and claims, whose page has the most to show."""
    sql = (
        "SELECT r.key, (SELECT count(*) FROM edges e WHERE r.record IN (e.head, e.tail)) "
        "+ (SELECT count(*) FROM claims c WHERE c.subject = r.record) AS n FROM records r WHERE r.kind = ? "
        "ORDER BY n DESC LIMIT 1"
    )
    with kb.reader() as reader:
        return str(reader.value(sql, (kind,)))


def _gates(kb: KnowledgeBase) -> str:
    return ",".join(sorted(gate.record.partition(":")[2] for gate in kb.gates())[:4])


#: What the address of a page says where the page shows one record; a page not named here is opened plain.
ADDRESSES: dict[str, Callable[[KnowledgeBase], dict[str, str]]] = {
    "paper": lambda kb: {"key": _busiest(kb, "paper")},
    "design": lambda kb: {"key": _busiest(kb, "design")},
    "model": lambda kb: {"key": _busiest(kb, "model")},
    "compare": lambda kb: {"keys": _gates(kb)},
    "search": lambda kb: {"q": "load balancing"},
    "author": lambda kb: {"name": "Noam Shazeer"},
}


def run() -> list[Result]:
    """All results of this benchmark."""
    with scratch() as folder:
        # The laboratory's page looks at the person's own runs; here it gets an empty folder.
        os.environ["XDG_DATA_HOME"] = str(folder)
        return measure(open_kb())


def measure(kb: KnowledgeBase) -> list[Result]:
    """Every page, rendered twice to warm it and then timed."""
    from streamlit.testing.v1 import AppTest

    sys.path.insert(0, str(APP))  # `streamlit run` does the same for the entrance's folder
    harness: Any = AppTest  # its annotations are incomplete
    cases = {}
    for path in sorted((APP / "app_pages").glob("*.py")):
        progress(f"rendering {path.stem}")
        page = harness.from_file(str(APP / "main.py"), default_timeout=120)
        page.run()
        page.switch_page(f"app_pages/{path.name}")
        address = ADDRESSES.get(path.stem)
        for name, value in (address(kb) if address else {}).items():
            page.query_params[name] = value
        page.run()
        page.run()
        if page.exception:
            raise RuntimeError(f"{path.stem}: {page.exception[0].message}")
        cases[path.stem] = page
    found = interleaved(ROUNDS, {name: partial(timed, page.run) for name, page in cases.items()})
    results = []
    for name, time in found.items():
        measured = f"{time.wall * 1e3:.0f} ms (CPU {time.cpu * 1e3:.0f} ms)"
        results.append(Result(f"page `{name}`", measured, "", f"<= {LIMIT * 1e3:.0f} ms", time.wall <= LIMIT))
    return results


if __name__ == "__main__":
    main("App", run)

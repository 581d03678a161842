"""Addresses: every page with the parameters that it reads, and others, set to what is there and to what is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from fuzz.harness import Attempt
from fuzz.text import text_of
from streamlit.testing.v1 import AppTest
from trees import REPOSITORY, edit, small_tree

from moe_kb.kb import open_kb
from moe_kb.lab import Lab, RunEstimate
from moe_kb.lab.store import RunsStore

APP = REPOSITORY / "app"
#: A parameter in the source: of a widget that stands in the address, or read by itself.
PARAMETER = re.compile(
    r'(?:in_address\(|parameter\(|reads\(|query_params(?:\.\w+\(|\[)|(?:select|segmented|several|pills)\(\s*"[^"]*",)\s*"([a-z_-]+)"'
)
#: Values that some parameter takes, or nearly.
VALUES = (
    *("yes", "no", "true", "0", "1", "-1", "3", "8", "128", "8192", "4096", "999999999", "9999999999", "1e9", "٣"),
    *("2020-2021", "2021-2020", "0-9999", "2020-", "-", "1,2", ",", "none", "table", "chart", "runs", "set-up"),
    *("params_total", "params_active", "year", "gating", "bf16", "papers", "evaluations", "systems", "tables"),
    *("20260101-000000-0001", "../../etc", "switch-top1-router", "expert-choice", "SELECT 1", "histogram", "launch"),
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
)  # fmt: skip


#: Parameters that no page has, but Streamlit, or buttons by their key.
OTHERS = (
    "",
    "compare",
    "preset",
    "set",
    "launch",
    "in-launch",
    "delete",
    "cancel",
    "token",
    "embed",
    "embed_options",
    "sized-models",
    "sql-taken",
)
#: More of a kind than any list on a page takes.
COPIES = 14


def parameters() -> dict[str, list[str]]:
    """Every parameter that the source of each page names."""
    found = {}
    for page in sorted((APP / "app_pages").glob("*.py")):
        files = [page, *((APP / "laboratory").glob("*.py") if page.name == "lab.py" else ())]
        names = {name for file in files for name in PARAMETER.findall(file.read_text(encoding="utf-8"))}
        found[page.name] = sorted(names | {"key", "q"})
    assert {"models", "change", "context"} <= set(found["size.py"])
    assert {"implementation", "run", "tick"} <= set(found["lab.py"])
    return found


def full_tree(folder: Path) -> Path:
    """The fabricated tree with a model that can be sized, and more designs and models than can be chosen at once."""
    tree = small_tree(folder)
    known = "    d_model: 512\n    norm: rms\n    tied_embeddings: true"
    edit(tree, "data/models/alpha.yaml", "    d_model: 512", known)
    for path, key in (("data/models/alpha.yaml", "alpha"), ("data/designs/gating/beta-router.yaml", "beta-router")):
        text = (tree / path).read_text(encoding="utf-8")
        for number in range(COPIES):
            copy = text.replace(f"key: {key}\n", f"key: copy-{number}\n", 1)
            copy = re.sub(r"^name: (.*)$", rf"name: \1 {number}", copy, count=1, flags=re.MULTILINE)
            (tree / path).with_name(f"copy-{number}.yaml").write_text(copy, encoding="utf-8")
    return tree


def ended_runs(home: Path) -> list[str]:
    """Runs that ended before they began, none of which may be joined by another."""
    home.mkdir()
    store = RunsStore(home)
    names = [f"20260101-000000-{number:04x}" for number in range(COPIES)]
    for name in names:
        store.add(name, "switch-top1-router", "reference_impls", {"steps": 1}, RunEstimate(1, 1.0, 1, 1), 1.0)
        store.cancel_queued(name)
    return names


@contextmanager
def addresses(folder: Path) -> Iterator[Attempt]:
    """Every page, by any address, says something; nothing is launched by one."""
    tree, home = full_tree(folder / "tree"), folder / "runs"
    kb = open_kb(tree, database=folder / "kb.db")
    runs = ended_runs(home)
    records = [brief.record for brief in kb.briefs()]
    sizes, nodes = list(kb.sizable()), list(kb.node_labels())
    designs = [record.partition(":")[2] for record in records if record.startswith("design:")]
    keys = [record.partition(":")[2] for record in records]
    pages = parameters()
    every = sorted({name for names in pages.values() for name in names} | set(OTHERS))

    def values(random: Random) -> list[str]:
        """What a parameter is given: one value or more of a kind, or a list in one."""
        dice = random.random()
        if dice < 0.2:
            # What is no UTF-8 in an address comes as a replacement character, never as half a surrogate.
            return [text_of(random, keys).encode("utf-8", "replace").decode()]
        kind = random.choice((records, keys, designs, nodes, sizes, runs, VALUES))
        chosen = random.choices(kind, k=random.choice((1, 1, 2, 20, 300) if dice < 0.6 else (1,)))
        return [",".join(chosen)] if dice < 0.4 else chosen

    with pytest.MonkeyPatch.context() as patch:
        for variable, path in {"MOE_KB_ROOT": tree, "MOE_KB_LAB": home, "XDG_CACHE_HOME": folder / "cache"}.items():
            patch.setenv(variable, str(path))
        patch.syspath_prepend(str(APP))
        hashes = page_hashes(pages)

        def attempt(random: Random) -> str:
            name = random.choice(list(pages))
            page = AppTest.from_file(str(APP / "main.py"), default_timeout=60)
            page._page_hash = hashes[name]
            for _ in range(random.choice((1, 2, 3, 6))):
                names = pages[name] if random.random() < 0.8 else every
                page.query_params[random.choice(names)] = values(random)
            address = f"{name} {dict(page.query_params)}"
            page.run()
            assert not page.exception, f"{address}: {page.exception[0].message}\n{page.exception[0].stack_trace}"
            assert page.title or page.error or page.info, f"{address} is empty"
            if name == "lab.py":
                assert [run.id for run in Lab(home).runs(1000)][::-1] == runs, f"{address} changed the runs"
            return "an error is said" if page.error else "shown"

        yield attempt


def page_hashes(pages: Iterable[str]) -> dict[str, str]:
    """By what AppTest knows each page; it tells so only once the navigation has run."""
    first = AppTest.from_file(str(APP / "main.py"), default_timeout=60).run()
    return {name: first.switch_page(f"app_pages/{name}")._page_hash for name in pages}

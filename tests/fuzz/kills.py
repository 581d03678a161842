"""Kills: commands that write are killed somewhere on their way, and then repeated."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache, partial
from io import StringIO
from pathlib import Path
from random import Random
from unittest.mock import patch

from config_files import RELEASED
from databases import contents, whole
from fuzz.harness import Attempt
from trees import FILES, edit, small_tree

from moe_kb.cli.root import app
from moe_kb.db import build as building
from moe_kb.db.build import build
from moe_kb.db.connect import connect
from moe_kb.kb import KnowledgeBase
from moe_kb.stamps import scan

TREE, DATABASE, CONFIG, PAGE = "tree", "kb.db", "Tiny.json", "page.md"
PAPER = "data/papers/2020/beta.yaml"
#: Other files by their path in a folder; the rows of the database, none where it is not built.
State = tuple[dict[str, bytes], dict[str, list[tuple[object, ...]]] | None]


@dataclass(frozen=True)
class Job:
    """A command, with the folder in which it runs as it was before, and what an undisturbed run makes of it."""

    command: Callable[[Path], None]
    folder: Path
    before: State
    after: State
    seconds: float
    """Of an undisturbed run."""


@contextmanager
def kills(folder: Path) -> Iterator[Attempt]:
    """Builds, refreshes, formatting, imports, exports and pages; and two builds at once beside a reader."""
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ))
        # Installed results are the same for every tree, and reading them takes ten times as long as all the rest.
        rows = list(building.installed_result_rows())
        stack.enter_context(patch.object(building, "installed_result_rows", lambda: iter(rows)))
        pristine, work = _pristine(folder / "pristine"), folder / "work"
        job_of = cache(lambda name: _job(folder / name, pristine, *KINDS[name]))  # a short run meets only some

        def attempt(random: Random) -> str:
            shutil.rmtree(work, ignore_errors=True)
            if random.random() < 0.15:
                return _at_once(random, job_of("refresh"), work)
            job = job_of(random.choice(list(KINDS)))
            shutil.copytree(job.folder, work)
            child = _forked(job.command, work)
            time.sleep(random.uniform(0, 1.1 * job.seconds))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return _checked(job, work)

        yield attempt


def _checked(job: Job, work: Path) -> str:
    """Every file is as it was or as it will be, and repeating ends as an undisturbed run does."""
    files, rows = _state(work)
    for path in {*job.before[0], *job.after[0], *files}:
        assert files.get(path) in (job.before[0].get(path), job.after[0].get(path)), f"{path} is neither old nor new"
    assert rows in (job.before[1], job.after[1]), "the database is neither old nor new"
    assert {stamp.path for stamp in scan(work / TREE)} <= {path.removeprefix(f"{TREE}/") for path in job.after[0]}
    left = _temporary(work)
    job.command(work)
    again, wanted = _state(work), job.after
    differing = [path for path in {*again[0], *wanted[0]} if again[0].get(path) != wanted[0].get(path)]
    assert not differing, f"repeated, it ends otherwise: {differing}"
    assert again[1] == wanted[1], "repeated, it leaves another database"
    assert not _temporary(work), f"left: {_temporary(work)}"
    return "half" if left else "nothing done" if (files, rows) == job.before else "done"


def _at_once(random: Random, job: Job, work: Path) -> str:
    """Two processes build while a third reads, and one of the two is killed; the reader never meets a half."""
    shutil.copytree(job.folder, work)
    builders = [_forked(command, work) for command in (job.command, partial(_built, force=True))]
    reader = _forked(_reading, work)
    time.sleep(random.uniform(0, 2 * job.seconds))
    killed = random.choice(builders)
    os.kill(killed, signal.SIGKILL)
    statuses = {child: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in builders}
    (work / "stop").touch()
    read = os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1])
    (work / "stop").unlink()
    told = (work / "failure").read_text() if (work / "failure").exists() else ""
    assert read == 0, f"the reader failed: {told}"
    assert all(status in (0, -signal.SIGKILL) for status in statuses.values()), told
    _checked(job, work)
    return "two at once"


def _forked(command: Callable[[Path], None], work: Path) -> int:
    """A process that runs a command and ends; all modules are there already, so a kill meets the command's own work."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        command(work)
        status = 0
    except BaseException:  # whatever it is, this process must end here
        (work / "failure").write_text(traceback.format_exc())
    finally:
        os._exit(status)


def _state(work: Path) -> State:
    database = work / DATABASE
    files = {
        path.relative_to(work).as_posix(): path.read_bytes()
        for path in work.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".db"
    }
    assert not database.exists() or whole(database), "the database is damaged"
    return files, contents(database) if database.exists() else None


def _temporary(work: Path) -> list[str]:
    return sorted(path.name for path in work.rglob(".*.tmp"))


# --- commands ----------------------------------------------------------------------------------------------------


def _built(work: Path, *, force: bool = False) -> None:
    build(work / TREE, work / DATABASE, force=force)


def _run(work: Path, *arguments: str) -> None:
    """A command as typed, with the folder's own paths."""
    own = [argument.format(work=work) for argument in arguments]
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        assert not app.main(["--root", str(work / TREE), *own], standalone_mode=False)


def _exported(work: Path) -> None:
    KnowledgeBase(work / DATABASE).export(work / "out", ("csv", "json", "bibtex"))


def _page(work: Path) -> None:
    from moe_kb.audit.report import MAX_PAGE, written
    from moe_kb.files import read_text, write_text

    kb, page = KnowledgeBase(work / DATABASE), work / PAGE
    write_text(page, written(read_text(page, MAX_PAGE), kb.audit(), kb.sources().values()))


def _reading(work: Path) -> None:
    while not (work / "stop").exists():
        connection = connect(work / DATABASE)
        names = connection.execute("SELECT count(*), max(name) FILTER (WHERE key = 'beta') FROM papers").fetchone()
        assert names in ((2, "Beta"), (2, "Beta again")), names
        connection.close()


# --- what is there before ----------------------------------------------------------------------------------------


def _pristine(pristine: Path) -> Path:
    """A tree with its database, a configuration to import, and a page."""
    design = FILES["data/designs/gating/beta-router.yaml"].replace("key: beta-router", "key: mixtral-top2-router")
    code = "key: transformers-code\nname: Code\ntitle: Code of invented models\ntype: repository\n"
    small_tree(
        pristine / TREE,
        {"data/sources/transformers-code.yaml": code, "data/designs/gating/mixtral-top2-router.yaml": design},
    )
    config = json.loads(RELEASED["mixtral-8x7b"])
    (pristine / CONFIG).write_text(json.dumps(config | {"num_hidden_layers": 2}))
    (pristine / PAGE).write_text("# Issues\n")
    _built(pristine)
    return pristine


def _quote_names(work: Path) -> None:
    """Every record in a form that is not canonical."""
    for path in (work / TREE).rglob("*.yaml"):
        path.write_text(re.sub(r"^name: (\w[\w ]*)$", r'name: "\1"', path.read_text(), flags=re.MULTILINE))


#: What is done to the folder before, and the command.
KINDS: dict[str, tuple[Callable[[Path], object], Callable[[Path], None]]] = {
    "build": (lambda work: (work / DATABASE).unlink(), _built),
    "build anew": (lambda work: None, partial(_built, force=True)),
    "refresh": (lambda work: edit(work / TREE, PAPER, "name: Beta\n", "name: Beta again\n"), _built),
    "full refresh": (lambda work: edit(work / TREE, "data/sources/second-list.yaml", "name: ", "name: A "), _built),
    "restamp": (lambda work: os.utime(work / TREE / PAPER), _built),
    "format": (_quote_names, lambda work: _run(work, "format")),
    "schema": (lambda work: None, lambda work: _run(work, "schema", "{work}/schema")),
    "import": (lambda work: None, lambda work: _run(work, "import", "hf", "{work}/" + CONFIG)),
    "add": (
        lambda work: _run(work, "format"),
        lambda work: _run(work, "import", "hf", "{work}/" + CONFIG, "--key", "alpha", "--label", "Tiny"),
    ),
    "export": (lambda work: None, _exported),
    "page": (lambda work: None, _page),
}


def _job(folder: Path, pristine: Path, prepare: Callable[[Path], object], command: Callable[[Path], None]) -> Job:
    shutil.copytree(pristine, folder)
    prepare(folder)
    before = _state(folder)
    done = folder.with_name(f"{folder.name}, done")
    shutil.copytree(folder, done)
    begun = time.perf_counter()
    command(done)
    seconds = time.perf_counter() - begun
    after = _state(done)
    assert not _temporary(done)
    return Job(command, folder, before, after, seconds)

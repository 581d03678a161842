"""How many small faults the tests find: a statement is changed, and the tests that execute it run.

    python -m benchmarks.mutants choose --seed 10 --count 60 > benchmarks/mutants.yaml
    python -m benchmarks.mutants run --coverage .coverage

`run` finds the mutants of the YAML file by their text, wherever they have moved under their area's `look` folder.
`renames` there (pairs of a regular expression and its replacement) says how names have changed since. A mutant that is
not found, or fits two places, is reported and the exit status is 1: mend its `before`, `after`, `inside`, `above` or
`stem` by hand.

Which tests execute a statement is read from a data file of coverage, made at the same commit by

    pytest -m "not e2e" --cov=moe_kb --cov=reference_impls --cov-context=test

At most 150 of them run, the nearest; without such a file, all tests in the area's folders. A mutant is killed if a test
fails that passes on the unchanged code, or if the tests outlast the limit and on the unchanged code do not.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

import yaml

from benchmarks.measure import REPOSITORY, progress, scratch
from benchmarks.mutations import Mutant, Statement, changed, find, index, source_with

MUTANTS = Path(__file__).with_name("mutants.yaml")
#: For each area: folders that mutants are drawn from, the folder they are looked for in, and folders of tests.
AREAS: dict[str, dict[str, Any]] = {
    "core": {"draw": ["reference_impls/core"], "look": "reference_impls", "tests": ["tests/reference_impls"]},
    "routers": {"draw": ["reference_impls/gating"], "look": "reference_impls", "tests": ["tests/reference_impls"]},
    "sizing": {"draw": ["moe_kb/sizing"], "look": "moe_kb", "tests": ["tests/moe_kb/sizing", "tests/integration"]},
    "claims": {"draw": ["moe_kb/claims"], "look": "moe_kb", "tests": ["tests/moe_kb/claims", "tests/moe_kb"]},
    "audit": {"draw": ["moe_kb/audit"], "look": "moe_kb", "tests": ["tests/moe_kb/audit", "tests/integration"]},
}
MOST_TESTS = 150
LONGEST = 160  # characters of a statement: one word of a long one is soon changed, and the mutant is lost


def choose(seed: int, count: int, root: Path = REPOSITORY) -> list[Mutant]:
    """Draw equally many mutants in each area, the kinds of change in turn, at most one in a function."""
    chosen: list[Mutant] = []
    indices = {look: index(root / look) for look in {folders["look"] for folders in AREAS.values()}}
    for area, folders in AREAS.items():
        draw, everywhere = random.Random(f"{seed} {area}"), indices[folders["look"]]
        of_kind: defaultdict[str, list[tuple[Statement, str]]] = defaultdict(list)
        for statement in (statement for same in everywhere.values() for statement in same):
            drawn = any(statement.path.is_relative_to(root / folder) for folder in folders["draw"])
            if drawn and len(statement.text) <= LONGEST:
                for kind, after in changed(statement):
                    of_kind[kind].append((statement, after))
        kinds = draw.sample(sorted(of_kind), len(of_kind))
        taken: dict[tuple[Path, str], Mutant] = {}
        while kinds and len(taken) < count // len(AREAS):
            kind = kinds.pop(0)
            if of_kind[kind]:
                kinds.append(kind)
            for statement, after in draw.sample(of_kind[kind], len(of_kind[kind])):
                of_kind[kind].remove((statement, after))
                place = statement.path, statement.inside
                above = list(statement.above)
                mutant = Mutant(area, kind, place[0].stem, statement.inside, above, statement.text, after)
                if place not in taken and find(mutant, everywhere):
                    taken[place] = mutant
                    break
        chosen += taken.values()
    return chosen


def executing(coverage: Path, statement: Statement, mutant: Mutant, root: Path = REPOSITORY) -> list[str]:
    """Tests that execute a statement, nearest first: of its file's name, its folder, one case of each, narrow."""
    path, node = statement.path.relative_to(root), statement.node
    body: list[Any] = getattr(node, "body", [])
    last = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno
    lines = (1 << last + 1) - (1 << node.lineno)  # line n is bit n of the number that coverage stores
    tests: dict[str, int] = {}
    with closing(sqlite3.connect(f"file:{coverage}?mode=ro", uri=True)) as connection:
        connection.create_function("n_bits", 1, lambda bits: int.from_bytes(bits).bit_count())
        rows = connection.execute(
            "WITH widths AS (SELECT context_id, sum(n_bits(numbits)) AS width FROM line_bits GROUP BY 1) "
            "SELECT context, numbits, width FROM line_bits JOIN widths USING (context_id) "
            "JOIN context ON context.id = context_id JOIN file ON file.id = file_id "
            "WHERE path LIKE '%/' || ? AND context != ''",
            (path.as_posix(),),
        )
        for context, bits, width in rows:
            if int.from_bytes(bits, "little") & lines:
                test, _, phase = context.rpartition("|")
                tests[test] = width
                if phase == "setup":  # a fixture that other tests of the file may share
                    of_file = f"{test.partition('::')[0]}::%|run"
                    for (run,) in connection.execute("SELECT context FROM context WHERE context LIKE ?", (of_file,)):
                        tests.setdefault(run.removesuffix("|run"), width)

    def distance(test: str) -> tuple[bool, int]:
        file = Path(test.partition("::")[0])
        named = {mutant.stem, path.stem, path.parent.name} & {file.stem.removeprefix("test_"), file.parent.name}
        same = [ours == theirs for ours, theirs in zip(path.parts[:-1], file.parts[1:-1], strict=False)]
        return not named, -sum(same)

    n_cases: Counter[str] = Counter()
    order = {}
    for test in sorted(tests, key=lambda test: (tests[test], test)):
        function = test.partition("[")[0]
        order[test] = (*distance(test), n_cases[function])
        n_cases[function] += 1
    return sorted(order, key=order.__getitem__)[:MOST_TESTS]


class Checkout:
    """A copy of the repository in which one mutant after the other is put and tested.

    Raises:
        RuntimeError: if Python does not import the packages from the copy.
    """

    def __init__(self, root: Path, folder: Path, packages: list[str], limit: float) -> None:
        self.root, self.folder, self.limit, self.n_changes = root, folder, limit, 0
        self.passed: dict[tuple[str, ...], bool] = {}
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(listing, cwd=root, check=True, capture_output=True, text=True)
        for name in listed.stdout.split("\0"):
            if name and (root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, folder / name)
        self.environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "10000"}
        for package in packages:
            command = [sys.executable, "-c", f"import {package}; print({package}.__path__[0])"]
            imported = subprocess.run(
                command, cwd="/", env=self.environment, check=True, capture_output=True, text=True
            )
            if imported.stdout.strip() != str(folder / package):
                raise RuntimeError(f"{package} is imported from {imported.stdout.strip()}, not from {folder}")

    def verdict(self, mutant: Mutant, statement: Statement, tests: list[str]) -> tuple[str, str]:
        """What becomes of a mutant: killed, survived or undecided, and the test that failed."""
        path, unfit = self.folder / statement.path.relative_to(self.root), list[str]()
        while True:
            self.n_changes += 1
            path.write_text(source_with(mutant, statement), encoding="utf-8")
            os.utime(path, (self.n_changes, self.n_changes))  # else Python might take the last mutant's bytecode for it
            code, failed = self._pytest(tests, unfit)
            shutil.copy2(statement.path, path)
            if code == 0:
                return "survived", ""
            if self._passes((failed,) if failed else tuple(tests)):
                return "killed", failed or ("time limit" if code is None else "pytest does not start")
            if not failed or failed in unfit:
                return "undecided", failed or f"pytest ends with {code} without the mutant, too"
            unfit.append(failed)

    def _passes(self, tests: tuple[str, ...]) -> bool:
        if tests not in self.passed:
            self.passed[tests] = self._pytest(list(tests), [])[0] == 0
        return self.passed[tests]

    def _pytest(self, tests: list[str], unfit: list[str]) -> tuple[int | None, str]:
        """Exit status, None past the time limit, and the test that failed."""
        shutil.rmtree(self.folder / ".hypothesis", ignore_errors=True)  # examples that failed before
        options = ["-x", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
        command = [sys.executable, "-m", "pytest", *options, "-m", "not e2e", f"--basetemp={self.folder}.tmp"]
        command += [*(f"--deselect={test}" for test in unfit), *tests]
        log = self.folder.with_suffix(".log")
        with log.open("w") as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
            try:
                code = process.wait(self.limit)
            except subprocess.TimeoutExpired:
                return None, ""
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        lines = re.findall(r"^(?:FAILED|ERROR) (.+)$", log.read_text(errors="replace"), re.MULTILINE)
        if not lines:
            return code, ""
        known = [test for test in tests if f"{lines[0]} - ".startswith(f"{test} - ")]
        return code, known[0] if known else lines[0].partition(" - ")[0]


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant, where it stands now, the test that failed, and the seconds that its tests took."""

    mutant: Mutant
    where: str
    verdict: str
    test: str
    seconds: float


def renamed(mutant: Mutant, renames: list[list[str]]) -> Mutant:
    """The mutant in the words of today."""

    def today(text: str) -> str:
        for pattern, new in renames:
            text = re.sub(pattern, new, text)
        return text

    texts = {name: today(getattr(mutant, name)) for name in ("stem", "inside", "before", "after")}
    return replace(mutant, above=[today(text) for text in mutant.above], **texts)


def run(plan: dict[str, Any], coverage: Path | None, jobs: int, limit: float, root: Path = REPOSITORY) -> list[Outcome]:
    """Test every mutant of a plan, which is what the YAML file holds."""
    areas = plan["areas"]
    indices = {look: index(root / look) for look in {area["look"] for area in areas.values()}}
    free: queue.Queue[Checkout] = queue.Queue()

    def outcome(mutant: Mutant) -> Outcome:
        statement = find(mutant, indices[areas[mutant.area]["look"]])
        if statement is None:
            return Outcome(mutant, f"{mutant.stem}: {mutant.inside}", "not found", "", 0)
        where = f"{statement.path.relative_to(root)}:{statement.node.lineno}"
        tests = executing(coverage, statement, mutant, root) if coverage else areas[mutant.area]["tests"]
        if not tests:
            return Outcome(mutant, where, "survived", "no test executes it", 0)
        checkout, start = free.get(), monotonic()
        try:
            verdict, test = checkout.verdict(mutant, statement, tests)
        finally:
            free.put(checkout)
        progress(f"{where} {mutant.after!r}: {verdict} {test}")
        return Outcome(mutant, where, verdict, test, round(monotonic() - start, 1))

    with scratch() as folder, ThreadPoolExecutor(jobs) as pool:
        packages = sorted({Path(look).parts[0] for look in indices})
        for job in range(jobs):
            free.put(Checkout(root, folder / f"checkout-{job}", packages, limit))
        mutants = [renamed(Mutant(**mutant), plan["renames"]) for mutant in plan["mutants"]]
        return list(pool.map(outcome, mutants))


def report(outcomes: list[Outcome]) -> str:
    """Every mutant, and how many of each area were killed, as Markdown tables."""
    lines = ["| where | change | after | verdict | killed by | seconds |", "|---|---|---|---|---|---|"]
    for outcome in outcomes:
        mutant = outcome.mutant
        after = mutant.after.replace("|", "\\|").replace("\n", " ")
        test, seconds = outcome.test.replace("|", "\\|"), f"{outcome.seconds:.0f}"
        cells = (outcome.where, mutant.kind, f"`{after}`", outcome.verdict, test, seconds)
        lines.append(f"| {' | '.join(cells)} |")
    verdicts = ("killed", "survived", "undecided", "not found")
    lines += ["", f"| area | mutants | {' | '.join(verdicts)} |", f"|---|---|{'---|' * len(verdicts)}"]
    count = Counter((area, outcome.verdict) for outcome in outcomes for area in (outcome.mutant.area, "all"))
    for area in dict.fromkeys([*(outcome.mutant.area for outcome in outcomes), "all"]):
        each = [count[area, verdict] for verdict in verdicts]
        lines.append(f"| {area} | {sum(each)} | {' | '.join(map(str, each))} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 1 if a mutant was not found or nothing could be decided about it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutants", description=(__doc__ or "").partition("\n")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("choose", help="draw mutants and print them as YAML")
    drawing.add_argument("--seed", type=int, required=True)
    drawing.add_argument("--count", type=int, default=60)
    testing = commands.add_parser("run", help="test the mutants of the YAML file")
    testing.add_argument("--plan", type=Path, default=MUTANTS, help="the YAML file")
    testing.add_argument("--coverage", type=Path, help="data file of coverage with a context for each test")
    testing.add_argument("--jobs", type=int, default=1)
    testing.add_argument("--only", metavar="AREA")
    testing.add_argument("--limit", type=float, default=300, help="seconds for the tests of one mutant")
    testing.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    if given.command == "choose":
        mutants = [asdict(mutant) for mutant in choose(given.seed, given.count)]
        plan = {"seed": given.seed, "renames": [], "areas": AREAS, "mutants": mutants}
        print(yaml.safe_dump(plan, sort_keys=False, allow_unicode=True, width=120), end="")
        return 0
    plan = yaml.safe_load(given.plan.read_text(encoding="utf-8"))
    plan["mutants"] = [mutant for mutant in plan["mutants"] if given.only in (None, mutant["area"])]
    outcomes = run(plan, given.coverage, given.jobs, given.limit)
    print(json.dumps([asdict(outcome) for outcome in outcomes], indent=1) if given.json else report(outcomes))
    unclear = [outcome for outcome in outcomes if outcome.verdict not in ("killed", "survived")]
    for outcome in unclear:
        change = f"{outcome.mutant.before!r} -> {outcome.mutant.after!r}"
        print(f"{outcome.where}: {outcome.verdict}: {change} {outcome.test}", file=sys.stderr)
    return bool(unclear)


if __name__ == "__main__":
    sys.exit(main())

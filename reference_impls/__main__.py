"""`python -m reference_impls list`, `run KEY`, `verify [KEY]`, `bench-designs` and `bench-layer`."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from reference_impls.catalogue import entries, find, nearest
from reference_impls.entry import Entry
from reference_impls.launch import complain, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m reference_impls", description="Mixture-of-Experts designs that can be run."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="what can be run")
    listing.add_argument("--json", action="store_true", help="every field of the catalogue, as JSON")
    running = commands.add_parser("run", help="train one implementation")
    keys = running.add_subparsers(dest="key", metavar="KEY", required=True)
    arguments = sys.argv[1:] if arguments is None else arguments
    for entry in entries():
        parser_of_entry = keys.add_parser(entry.key, aliases=entry.aliases, help=entry.summary, allow_abbrev=False)
        if {entry.key, *entry.aliases} & set(arguments):  # the others' configs need not be imported
            _add_run(parser_of_entry, entry)
    proving = commands.add_parser(
        "verify", help="check designs against reference implementations, equations and properties"
    )
    proving.add_argument("key", nargs="*", metavar="KEY", help="which (default all)")
    proving.add_argument("--no-train", action="store_true", help="leave out training on the clustered task")
    proving.add_argument("--json", action="store_true", help="one JSON object a check")
    comparing = commands.add_parser("bench-designs", help="compare designs under one budget; goes on where it stopped")
    comparing.add_argument("key", nargs="*", metavar="KEY", help="which (default all, with the controls)")
    comparing.add_argument("--protocol", default="text,clusters", help="text, clusters, or both (default)")
    comparing.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N - 1 (default 3)")
    comparing.add_argument("--quick", action="store_true", help="one seed of twelve designs, in about ten minutes")
    comparing.add_argument("--jobs", type=int, default=2, metavar="N", help="runs at a time, a thread each (default 2)")
    comparing.add_argument("--results", type=Path, metavar="DIR", help="result files (default: those of the package)")
    bench = commands.add_parser("bench-layer", help="speed and memory of the layer beside transformers'")
    bench.add_argument("--shapes", default="A,B,C,D", help="of A, B, C and D, separated by commas (default all)")
    bench.add_argument("--rounds", type=int, default=9, metavar="N", help="timed rounds (at least 1, default 9)")
    bench.add_argument("--json", action="store_true", help="every number, as JSON")
    match arguments:
        case ["run", str(key), *_] if not key.startswith("-") and find(key) is None:
            return complain(_unknown(key), 2)
    options = vars(parser.parse_args(arguments))

    if options["command"] == "list":
        print(_as_json() if options["json"] else _as_table())
        return 0
    if options["command"] == "verify":
        return _verify(options["key"], train=not options["no_train"], as_json=options["json"])
    if options["command"] == "bench-designs":
        return _bench_designs(options)
    if options["command"] == "bench-layer":
        return _bench_layer(options["shapes"].split(","), options["rounds"], as_json=options["json"])
    chosen = find(options["key"])
    assert chosen is not None  # argparse knows no other key
    flags = {name: options[name] for name in chosen.config_class.flat_fields() if options[name] is not None}
    return run(
        chosen, config_file=options["--config"], flags=flags, folder=options["--run-dir"], resume=options["--resume"]
    )


def _add_run(parser: argparse.ArgumentParser, entry: Entry) -> None:
    # The destinations keep their dashes, so that no field of a config can have the same name.
    parser.add_argument("--config", dest="--config", type=Path, metavar="FILE", help="JSON file of fields")
    parser.add_argument(
        "--run-dir", dest="--run-dir", type=Path, metavar="DIR", help="write events.jsonl and checkpoints here"
    )
    parser.add_argument(
        "--resume", dest="--resume", type=Path, metavar="FILE", help="go on from a checkpoint of this config"
    )
    fields = parser.add_argument_group("fields of the config (they win over the file's)")
    for name, field in entry.config_class.flat_fields().items():
        fields.add_argument(f"--{name.replace('_', '-')}", dest=name, type=_value, metavar="VALUE", help=_help(field))


def _verify(keys: list[str], *, train: bool, as_json: bool) -> int:
    chosen = []
    for key in keys or [entry.key for entry in entries()]:
        entry = find(key)
        if entry is None:
            return complain(_unknown(key), 2)
        chosen.append(entry)
    try:
        from reference_impls.verify.suite import MissingLibraryError, verify
    except ModuleNotFoundError as error:
        return complain(f"{error.name} is not installed; pip install 'moe-kb[lab]'", 1)
    failed = made = 0
    for number, entry in enumerate(chosen, 1):
        if not as_json:
            print(f"{entry.key} ({number} of {len(chosen)})", flush=True)
        try:
            for check in verify(entry, train=train):
                made, failed = made + 1, failed + (not check.passed)
                record = {"key": entry.key, **asdict(check), "passed": check.passed}
                print(json.dumps(record) if as_json else f"  {check}", flush=True)
        except MissingLibraryError as error:
            return complain(str(error), 1)
    if not as_json:
        print(f"{made} checks, {failed} failed")
    return 1 if failed else 0


def _unknown(key: str) -> str:
    return f"no implementation {key!r} ({', '.join(nearest(key)) or 'see `list`'})"


def _bench_designs(options: dict[str, Any]) -> int:
    try:
        from reference_impls.evidence import files, report, runs
        from reference_impls.evidence.protocol import CONTROLS, PROTOCOLS, QUICK
        from reference_impls.tasks.train import TASKS
    except ModuleNotFoundError as error:
        return complain(f"{error.name} is not installed; pip install 'moe-kb[lab]'", 1)
    for name in ("seeds", "jobs"):
        if options[name] < 1:
            return complain(f"--{name} = {options[name]} must be at least 1", 2)
    names = options["protocol"].split(",")
    for name in names:
        if name not in PROTOCOLS:
            return complain(f"--protocol: {name!r} is none of {', '.join(PROTOCOLS)}", 2)
    for key in options["key"]:
        if find(key) is None and key not in CONTROLS:
            return complain(_unknown(key), 2)
    keys = options["key"] or (QUICK if options["quick"] else None)
    folder = options["results"] or files.FOLDER

    def report_run(number: int, all_: int, key: str, result: dict[str, Any]) -> None:
        shown = result.get("error") or f"{result['curve'][-1][1]:.4f} after {result['seconds']:.0f} s"
        print(f"[{number} of {all_}] {key}, seed {result['seed']}: {shown}", flush=True)

    for name in names:
        protocol = PROTOCOLS[name]
        chosen = runs.candidates(protocol, keys)
        todo = runs.missing(protocol, folder, range(1 if options["quick"] else options["seeds"]), chosen)
        print(f"{protocol.name}: {len(todo)} runs to do; results in {folder}", flush=True)
        try:
            runs.carry_out(protocol, folder, todo, options["jobs"], report_run)
        except KeyboardInterrupt:
            return complain("stopped; what was done is kept, and the same command goes on from there", 130)
        task = TASKS[protocol.task]
        print(
            report.table(files.read_all(folder, protocol.name), task.headline, higher_is_better=task.higher_is_better)
        )
    return 0


def _bench_layer(names: list[str], rounds: int, *, as_json: bool) -> int:
    try:
        from reference_impls import bench_layer
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        return complain("torch is not installed; pip install 'moe-kb[lab]'", 1)
    for name in names:
        if name not in bench_layer.SHAPES:
            return complain(f"--shapes: {name!r} is none of {', '.join(bench_layer.SHAPES)}", 2)
    if rounds < 1:
        return complain(f"--rounds = {rounds} must be at least 1", 2)
    try:
        bench_layer.run(names, rounds, as_json=as_json)
    except bench_layer.MissingPeerError as error:
        return complain(f"{error}; pip install 'transformers>=5'", 1)
    return 0


def _value(text: str) -> Any:
    """A flag's text as JSON would read it; what is not JSON stays text, and the config judges it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _help(field: FieldInfo) -> str:
    signs = {Ge: ("at least", "ge"), Gt: ("above", "gt"), Le: ("at most", "le"), Lt: ("below", "lt")}
    bounds = [
        f"{signs[type(rule)][0]} {getattr(rule, signs[type(rule)][1])}"
        for rule in field.metadata
        if type(rule) in signs
    ]
    bounds.append(f"default {json.dumps(field.default)}")
    return f"{field.description} ({', '.join(bounds)})".replace("%", "%%")


def _as_table() -> str:
    width = max(len(entry.key) for entry in entries())
    return "\n".join(f"{entry.key:<{width}}  {entry.status:<8}  {entry.summary}" for entry in entries())


def _as_json() -> str:
    derived = ("status", "tasks", "deviations", "module")
    rows = [entry.model_dump() | {name: getattr(entry, name) for name in derived} for entry in entries()]
    return json.dumps(rows, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # the reader (head, less) has gone; flushing at exit would raise again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

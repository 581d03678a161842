"""Commands about the tree of records: check, format, build, schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.exceptions import Exit

from moe_kb.cli import output
from moe_kb.cli.root import PATH, app, json_flag

if TYPE_CHECKING:
    from pydantic import BaseModel

FORMS = click.Choice(["text", "json", "github"])


@app.command()
@click.argument("paths", type=PATH, nargs=-1)
@click.option("--format", type=FORMS, default="text", show_default=True, help="github: annotations for a workflow.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the same as --format json.")
def check(paths: tuple[Path, ...], format: str, as_json: bool) -> None:
    """Check every record (or report only on these files and folders): reading, schema, references, canonical form.

    Exit status 1 on findings; each names the file, the line, the rule and the fix.

    Example: moe-kb check data/papers/2024
    """
    from moe_kb.checks import check_corpus, other_form
    from moe_kb.corpus import Corpus, Finding
    from moe_kb.db.rehearsal import rehearse
    from moe_kb.paths import find_root

    root = find_root()
    wanted = _relative(paths, root)
    findings: list[Finding] = []

    def look(path: str, record: BaseModel | None, text: str) -> None:
        if record and (not wanted or _inside(path, wanted)) and (finding := other_form(path, record, text)):
            findings.append(finding)

    corpus = Corpus.load(root, each=look)
    findings += [*check_corpus(corpus), *rehearse(corpus)]
    if wanted:
        findings = [finding for finding in findings if _inside(finding.path, wanted)]
    findings.sort(key=lambda f: (f.path, f.line or 0, f.rule))
    if as_json or format == "json":
        output.print_json(findings)
    else:
        for f in findings:
            if format == "github":
                text = _escaped(f"{f.message} {f.fix}")
                file = _escaped(f.path).replace(":", "%3A").replace(",", "%2C")
                click.echo(f"::error file={file},line={f.line or 1},title={f.rule}::{text}")
            else:
                click.echo(str(f))
        files = len({f.path for f in findings})
        found = f"{len(findings)} findings in {files} files" if findings else "no findings"
        click.echo(f"{len(corpus.stamps)} files checked: {found}.", err=True)
    raise Exit(1 if findings else 0)


@app.command()
@click.option("--out", type=PATH, help="Where to put the database.")
@click.option("--force", is_flag=True, help="Build anew even if nothing changed.")
@json_flag
def build(out: Path | None, force: bool, as_json: bool) -> None:
    """Build or refresh the database, and report what was loaded and how long it took. Safe to kill at any moment.

    Example: moe-kb build --force
    """
    import sys

    from moe_kb.db.build import build as build_database
    from moe_kb.paths import default_database, find_root

    root = find_root()

    def show(what: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{what} {done}/{total}   ", err=True, nl=done == total)

    report = build_database(root, out or default_database(root), force=force, progress=show)
    if as_json:
        output.print_json(report)
        return
    counts = ", ".join(f"{number:,} {name}" for name, number in report.counts.items())
    what = {
        "full": f"Built from {report.files} files",
        "unchanged": f"Up to date ({report.files} files)",
        "incremental": f"Refreshed {report.changed} of {report.files} files",
    }[report.mode]
    click.echo(f"{what} in {report.seconds:.2f} s: {counts}.")
    click.echo(str(report.database))


@app.command("format")
@click.argument("paths", type=PATH, nargs=-1)
def format_files(paths: tuple[Path, ...]) -> None:
    """Rewrite records (files, folders or the whole tree) in canonical form; whole-line comments are kept.

    Example: moe-kb format data/papers/2020/gshard.yaml
    """
    from moe_kb.checks import format_file
    from moe_kb.files import sweep
    from moe_kb.paths import find_root
    from moe_kb.stamps import scan

    root = find_root()
    wanted = _relative(paths, root)
    changed = failed = 0
    stamps = [stamp for stamp in scan(root) if not wanted or _inside(stamp.path, wanted)]
    for folder in sorted({(root / stamp.path).parent for stamp in stamps}):
        sweep(folder)
    for stamp in stamps:
        did, findings = format_file(root, stamp.path)
        changed += did
        failed += bool(findings)
        if did:
            click.echo(f"formatted {stamp.path}")
        for finding in findings:
            click.echo(str(finding), err=True)
    click.echo(f"{changed} files changed, {failed} could not be formatted.", err=True)
    raise Exit(1 if failed else 0)


def _escaped(text: str) -> str:
    """Text inside a workflow command; see GitHub's documentation of workflow commands."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _relative(paths: tuple[Path, ...], root: Path) -> list[str]:
    """Paths as the tree names them; a path outside the tree, or one that does not exist, is an error."""
    wanted = []
    for path in paths:
        for candidate in (path, root / path):
            if candidate.exists() and candidate.resolve().is_relative_to(root.resolve()):
                wanted.append(candidate.resolve().relative_to(root.resolve()).as_posix())
                break
        else:
            raise click.BadParameter(f"{path} is not in the tree {root}")
    return wanted


def _inside(path: str, wanted: list[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") or place == "." for place in wanted)

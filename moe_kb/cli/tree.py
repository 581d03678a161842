"""Commands about the tree of records: check, format, build, schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from moe_kb.cli.root import app


@app.command()
def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Report only findings in these files or folders.", show_default=False)
    ] = None,
    format: Annotated[
        Literal["text", "json", "github"], typer.Option(help="github: annotations for a workflow.")
    ] = "text",
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON; the same as --format json.")] = False,
) -> None:
    """Check every record: strict reading, schema, references, sources, canonical form. Exit status 1 on findings."""
    from moe_kb.checks import check_corpus, not_canonical
    from moe_kb.corpus import Corpus
    from moe_kb.paths import find_root

    root = find_root()
    corpus = Corpus.load(root)
    findings = check_corpus(corpus)
    wanted = _relative(paths, root)
    for stamp in corpus.stamps:
        if not wanted or _inside(stamp.path, wanted):
            finding = not_canonical(root, stamp.path)
            if finding:
                findings.append(finding)
    if wanted:
        findings = [finding for finding in findings if _inside(finding.path, wanted)]
    findings.sort(key=lambda f: (f.path, f.line or 0, f.rule))
    if json_output or format == "json":
        typer.echo(
            json.dumps(
                [
                    {"path": f.path, "line": f.line, "rule": f.rule, "message": f.message, "fix": f.fix}
                    for f in findings
                ],
                indent=2,
                ensure_ascii=False,
            )
        )
    else:
        for f in findings:
            if format == "github":
                text = _escaped(f"{f.message} {f.fix}")
                file = _escaped(f.path).replace(":", "%3A").replace(",", "%2C")
                typer.echo(f"::error file={file},line={f.line or 1},title={f.rule}::{text}")
            else:
                typer.echo(str(f))
        files = len({f.path for f in findings})
        typer.echo(
            f"{len(corpus.stamps)} files checked: "
            + (f"{len(findings)} findings in {files} files." if findings else "no findings."),
            err=True,
        )
    raise typer.Exit(1 if findings else 0)


@app.command()
def build(
    out: Annotated[Path | None, typer.Option("--out", help="Where to put the database.", show_default=False)] = None,
    force: Annotated[bool, typer.Option("--force", help="Build anew even if nothing changed.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Build or refresh the database; says what it loaded and how long it took. Safe to kill at any moment."""
    import sys
    from dataclasses import asdict

    from moe_kb.db.build import build as build_database
    from moe_kb.paths import default_database, find_root

    root = find_root()

    def show(what: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            typer.echo(f"\r{what} {done}/{total}   ", err=True, nl=done == total)

    report = build_database(root, out or default_database(root), force=force, progress=show)
    if json_output:
        typer.echo(json.dumps({**asdict(report), "database": str(report.database)}, indent=2))
        return
    counts = ", ".join(f"{number:,} {name}" for name, number in report.counts.items())
    what = {
        "full": f"Built from {report.files} files",
        "unchanged": f"Up to date ({report.files} files)",
        "incremental": f"Refreshed {report.changed} of {report.files} files",
    }[report.mode]
    typer.echo(f"{what} in {report.seconds:.2f} s: {counts}.")
    typer.echo(str(report.database))


@app.command("format")
def format_files(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders; default: the whole tree.", show_default=False)
    ] = None,
) -> None:
    """Rewrite records in canonical form; whole-line comments are kept."""
    from moe_kb.checks import format_file
    from moe_kb.paths import find_root
    from moe_kb.stamps import scan

    root = find_root()
    wanted = _relative(paths, root)
    changed = failed = 0
    for stamp in scan(root):
        if wanted and not _inside(stamp.path, wanted):
            continue
        did, findings = format_file(root, stamp.path)
        changed += did
        failed += bool(findings)
        if did:
            typer.echo(f"formatted {stamp.path}")
        for finding in findings:
            typer.echo(str(finding), err=True)
    typer.echo(f"{changed} files changed, {failed} could not be formatted.", err=True)
    raise typer.Exit(1 if failed else 0)


def _escaped(text: str) -> str:
    """Text inside a workflow command; see GitHub's documentation of workflow commands."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _relative(paths: list[Path] | None, root: Path) -> list[str]:
    """Paths as the tree names them; a path outside the tree, or one that does not exist, is an error."""
    wanted = []
    for path in paths or []:
        for candidate in (path, root / path):
            if candidate.exists() and candidate.resolve().is_relative_to(root.resolve()):
                wanted.append(candidate.resolve().relative_to(root.resolve()).as_posix())
                break
        else:
            raise typer.BadParameter(f"{path} is not in the tree {root}")
    return wanted


def _inside(path: str, wanted: list[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") or place == "." for place in wanted)

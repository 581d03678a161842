"""Commands that ask the database: search, show, tree, compare, related, path, cite, query, audit, stats, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from moe_kb.cli.root import JsonFlag, app, open_here

Names = Annotated[list[str], typer.Argument(help="Keys or full names (kind:key).")]
Kinds = Literal["paper", "design", "model", "system", "accelerator", "source", "table"]


@app.command()
def search(
    text: Annotated[list[str], typer.Argument(help="Words, a name, or part of a name.")],
    kind: Annotated[Kinds | None, typer.Option(help="Only this kind of record.")] = None,
    node: Annotated[str | None, typer.Option(help="Only at or under this taxonomy node.")] = None,
    year: Annotated[str | None, typer.Option(help="A year (2024) or years (2022-2024).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most this many.")] = 20,
    json: JsonFlag = False,
) -> None:
    """Find records by words, names and parts of names. Exit status 1 where nothing is found."""
    from dataclasses import asdict

    from moe_kb.cli import output

    words = " ".join(text)
    hits = open_here().search(words, kind=kind, node=node, year=_years(year), limit=limit)
    if json:
        output.print_json([asdict(hit) for hit in hits])
    elif hits:
        output.print_table(
            ["record", "name", "year", "match"],
            [[hit.record, hit.name, hit.year, " ".join((hit.title or hit.snippet).split())] for hit in hits],
        )
    else:
        typer.echo(f"Nothing found for {words!r}. Try fewer words, part of a name, or no filters.", err=True)
    raise typer.Exit(0 if hits else 1)


def _years(text: str | None) -> int | tuple[int, int] | None:
    if not text:
        return None
    first, dash, last = text.partition("-")
    years = [first, last] if dash else [first]
    if not all(len(year) == 4 and year.isascii() and year.isdigit() for year in years):
        raise typer.BadParameter("a year (2024) or years (2022-2024)", param_hint="--year")
    return (int(first), int(last)) if dash else int(first)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Key or full name (kind:key).")],
    json: JsonFlag = False,
) -> None:
    """Everything about a record: what it says, its places, its edges, its claims with their sources."""
    from moe_kb.cli import output
    from moe_kb.cli.show import as_data, as_text

    kb = open_here()
    if json:
        output.print_json(as_data(kb, name))
    else:
        typer.echo(as_text(kb, name))


@app.command()
def tree(
    node: Annotated[str, typer.Argument(help="A taxonomy (survey-a) or one of its nodes.")] = "survey-a",
    papers: Annotated[bool, typer.Option(help="List the papers at each node.")] = False,
    json: JsonFlag = False,
) -> None:
    """A taxonomy as a tree, with the number of records at and under each node."""
    from dataclasses import asdict

    from moe_kb.cli import output

    kb = open_here()
    top = kb.tree(node)
    if json:
        output.print_json(asdict(top))
        return
    for item in top.walk():
        indent = "  " * (item.level - top.level)
        typer.echo(f"{indent}{item.label}  [{item.under}]" + (f"  {item.node}" if item.node else ""))
        if papers and item.placed:
            here = [placed for placed in kb.placed(item.name, below=False) if placed.kind == "paper"]
            typer.echo(
                f"{indent}    " + ", ".join(f"{placed.printed_as or placed.name} ({placed.year})" for placed in here)
            )


@app.command()
def compare(names: Names, json: JsonFlag = False) -> None:
    """Records of one kind side by side; fields that differ are marked with *."""
    from dataclasses import asdict

    from moe_kb.cli import output

    result = open_here().compare(names)
    if json:
        output.print_json(asdict(result))
        return
    output.print_table(
        ["", *result.names],
        [
            [f"{field} *" if result.differs(i) else field, *(cell or "–" for cell in result.cells[i])]
            for i, field in enumerate(result.fields)
        ],
    )


@app.command()
def related(
    name: Annotated[str, typer.Argument(help="Key or full name.")],
    kind: Annotated[Kinds | None, typer.Option(help="Only this kind of record.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most this many.")] = 10,
    json: JsonFlag = False,
) -> None:
    """Records near a record, and why: direct edges (3 each), shared neighbours (Adamic-Adar), shared authors (0.5)."""
    from dataclasses import asdict

    from moe_kb.cli import output

    found = open_here().related(name, limit, kind)
    if json:
        output.print_json([asdict(item) for item in found])
    elif not found:
        typer.echo(f"Nothing is near {name} yet.", err=True)
    else:
        output.print_table(
            ["record", "year", "score", "why"],
            [[item.record, item.year, f"{item.score:.2f}", "; ".join(item.reasons)] for item in found],
        )


@app.command()
def path(
    start: Annotated[str, typer.Argument(help="Key or full name.")],
    end: Annotated[str, typer.Argument(help="Key or full name.")],
    json: JsonFlag = False,
) -> None:
    """How two records hang together: the shortest way through the typed edges, each with its source."""
    from dataclasses import asdict

    from moe_kb.cli import output

    steps = open_here().path(start, end)
    if json:
        output.print_json([asdict(step) for step in steps])
        return
    for step in steps:
        arrow = f"--{step.type}-->" if step.forward else f"<--{step.type}--"
        place = f"{step.source}, {step.locator}" if step.locator else step.source or "this project's catalogue"
        typer.echo(f"{step.start} {arrow} {step.end}   [{place}{', inferred' if step.status == 'derived' else ''}]")


@app.command()
def cite(
    names: Names,
    field: Annotated[str | None, typer.Option(help="Cite the sources of this field instead.")] = None,
    configuration: Annotated[str | None, typer.Option(help="Configuration, with --field.")] = None,
    format: Annotated[Literal["bibtex"], typer.Option(help="Form of the entries.")] = "bibtex",
    json: JsonFlag = False,
) -> None:
    """BibTeX of papers and sources, or of those behind a value: moe-kb cite model:mixtral --field params_total."""
    from dataclasses import asdict

    from moe_kb.cli import output
    from moe_kb.exporters.bibtex import entries
    from moe_kb.exporters.citations import behind

    kb = open_here()
    support = [place for name in names for place in behind(kb, name, field, configuration)] if field else []
    found = entries(kb, [f"source:{place.source}" for place in support] if field else names)
    if json:
        written = [{"record": record, format: entry} for record, entry in found.items()]
        output.print_json({"entries": written, "support": [asdict(place) for place in dict.fromkeys(support)]})
        return
    for place in dict.fromkeys(support):
        about = f"{place.record}{f' [{place.configuration}]' if place.configuration else ''} {place.field}"
        value = f" = {' '.join(place.value.split())}" if place.value else ""
        typer.echo(f"% {about}{value}: {place.source}{f', {place.locator}' if place.locator else ''}")
    typer.echo("\n".join(found.values()), nl=False)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT. Tables and columns: SELECT * FROM dictionary")],
    format: Annotated[Literal["table", "csv", "json"], typer.Option(help="Form of the result.")] = "table",
    max_rows: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most this many rows.")] = 10_000,
    json: JsonFlag = False,
) -> None:
    """Run one read-only SQL query."""
    from moe_kb.cli import output

    result = open_here().query(sql, max_rows=max_rows)
    if json or format == "json":
        output.print_json([dict(zip(result.columns, row, strict=True)) for row in result.rows])
    elif format == "csv":
        output.print_csv(result.columns, result.rows)
    else:
        output.print_table(result.columns, [list(row) for row in result.rows])
    if result.truncated:
        typer.echo(f"Cut off after {max_rows} rows. Raise --max-rows, or add a LIMIT.", err=True)


@app.command()
def audit(
    name: Annotated[str | None, typer.Argument(help="Only about this record.", show_default=False)] = None,
    rule: Annotated[
        str | None, typer.Option(help="Only this rule or family of rules.", show_default=False, metavar="RULE")
    ] = None,
    unwaived: Annotated[bool, typer.Option("--open", help="Only those that nobody has waived.")] = False,
    page: Annotated[
        Path | None,
        typer.Option(help="Write the findings on surveys and lists into this Markdown page.", show_default=False),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Doubts about the records: claims that differ, counts and sizes that do not fit, dates, identities, gaps."""
    from moe_kb.audit.report import written
    from moe_kb.cli import output
    from moe_kb.cli.audit import as_text

    kb = open_here()
    if page is not None:
        if name or rule or unwaived or json:
            raise typer.BadParameter("the page has all findings; leave the other options out", param_hint="--page")
        page.write_text(written(page.read_text(encoding="utf-8"), kb), encoding="utf-8")
        return
    found = kb.audit(name, rule=rule, waived=not unwaived)
    if json:
        output.print_json([finding.as_data() for finding in found])
    else:
        typer.echo(as_text(found))
        still_open = sum(finding.open for finding in found)
        typer.echo(f"{len(found)} finding{'' if len(found) == 1 else 's'}, {still_open} open.", err=True)


@app.command()
def stats(json: JsonFlag = False) -> None:
    """What is here, counted, and what is missing."""
    from dataclasses import asdict

    from moe_kb.cli import output

    numbers = asdict(open_here().stats())
    if json:
        output.print_json(numbers)
    else:
        output.print_nested(numbers)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Folder to write to; made if absent.")],
    format: Annotated[str, typer.Option(help="Any of csv,json,parquet,bibtex, separated by commas.")] = "csv",
) -> None:
    """Write every table and view, with a data dictionary."""
    written = open_here().export(folder, [name.strip() for name in format.split(",") if name.strip()])
    typer.echo(f"{len(written)} files written to {folder}", err=True)

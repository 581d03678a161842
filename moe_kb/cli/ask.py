"""Commands that ask the database: search, show, tree, compare, related, path, cite, query, audit, stats, export."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
from click.exceptions import Exit

from moe_kb.cli import output
from moe_kb.cli.root import KIND, PATH, app, json_flag, open_here

FORMS = click.Choice(["table", "csv", "json"])
COPIES = click.Choice(["table", "markdown", "latex", "csv"])


@app.command()
@click.argument("text", nargs=-1, required=True)
@click.option("--kind", type=KIND, help="Only this kind of record.")
@click.option("--node", help="Only at or under this taxonomy node.")
@click.option("--year", help="A year (2024) or years (2022-2024).")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most this many.")
@json_flag
def search(
    text: tuple[str, ...], kind: str | None, node: str | None, year: str | None, limit: int, as_json: bool
) -> None:
    """Find records, authors and taxonomy nodes by words, names, addresses. Exit status 1 where nothing is found.

    Example: moe-kb search seekmoe --kind model
    """
    words, years = " ".join(text), _years(year)
    kb = open_here()
    answers = None if kind or node or years or not words.strip() else kb.find(words, most=limit)
    hits = answers.all[:limit] if answers else kb.search(words, kind=kind, node=node, year=years, limit=limit)
    if answers and answers.respelt:
        click.echo(f"Nothing has {words!r}; this is what has {answers.respelt!r}.", err=True)
    elif any(hit.why == "some words" for hit in hits):
        click.echo(f"Nothing has all of {words!r}; this is what has some of it.", err=True)
    if as_json:
        output.print_json([hit.as_data() for hit in hits])
    elif hits:
        rows = [[hit.record, hit.name, hit.year, hit.title or hit.snippet] for hit in hits]
        output.print_table(["record", "name", "year", "match"], rows)
    else:
        click.echo(f"Nothing found for {words!r}. Try fewer words, part of a name, or no filters.", err=True)
    raise Exit(0 if hits else 1)


def _years(text: str | None) -> int | tuple[int, int] | None:
    if not text:
        return None
    first, dash, last = text.partition("-")
    years = [first, last] if dash else [first]
    if not all(len(year) == 4 and year.isascii() and year.isdigit() for year in years):
        raise click.BadParameter("a year (2024) or years (2022-2024)", param_hint="--year")
    return (int(first), int(last)) if dash else int(first)


@app.command()
@click.argument("name")
@json_flag
def show(name: str, as_json: bool) -> None:
    """Show a record (key or kind:key): what it says, its relations, its claims with their sources, its issues.

    Example: moe-kb show mixtral-top2-router
    """
    from moe_kb.cli.show import as_text

    kb = open_here()
    if as_json:
        output.print_json(json.loads(kb.record_json(name)))
    else:
        click.echo(as_text(kb, name))


@app.command()
@click.argument("node", default="survey-a")
@click.option("--papers", is_flag=True, help="List the papers at each node.")
@json_flag
def tree(node: str, papers: bool, as_json: bool) -> None:
    """Print a taxonomy, or one of its nodes, as a tree with the number of records at and under each node.

    Example: moe-kb tree gating-function --papers
    """
    kb = open_here()
    top = kb.tree(node)
    if as_json:
        output.print_json(top)
        return
    for item in top.walk():
        indent = "  " * (item.level - top.level)
        click.echo(f"{indent}{item.label}  [{item.under}]" + (f"  {item.node}" if item.node else ""))
        if papers and item.placed:
            here = [placed for placed in kb.placed(item.name, below=False) if placed.kind == "paper"]
            names = ", ".join(f"{placed.printed_as or placed.name} ({placed.year})" for placed in here)
            click.echo(f"{indent}    {names}")


@app.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--format", type=COPIES, default="table", show_default=True, help="Form of the table.")
@json_flag
def compare(names: tuple[str, ...], format: str, as_json: bool) -> None:
    """Compare records of one kind; fields that differ are marked with *.

    Example: moe-kb compare switch-top1-router mixtral-top2-router
    """
    kb = open_here()
    result = kb.compare(names)
    if as_json:
        output.print_json(result)
        return
    if format != "table":
        from moe_kb.exporters.tables_text import FORMS

        codes = format == "csv"
        table = [[field, *(result.cells[i] if codes else result.words(i))] for i, field in enumerate(result.fields)]
        click.echo(FORMS[format](["", *result.names], table, kb.note), nl=False)
        return
    marked = [f"{field} *" if result.differs(i) else field for i, field in enumerate(result.fields)]
    rows = [[field, *(cell or "–" for cell in result.words(i))] for i, field in enumerate(marked)]
    output.print_table(["", *result.names], rows)


@app.command()
@click.argument("name")
@click.option("--kind", type=KIND, help="Only this kind of record.")
@click.option("--limit", type=click.IntRange(1, 200), default=10, show_default=True, help="At most this many.")
@json_flag
def related(name: str, kind: str | None, limit: int, as_json: bool) -> None:
    """List related records, and why: direct edges (3 each), shared neighbours (Adamic-Adar), shared authors (0.5).

    Example: moe-kb related paper:gshard --kind paper
    """
    found = open_here().related(name, limit, kind)
    if as_json:
        output.print_json(found)
    elif not found:
        click.echo(f"Nothing is near {name} yet.", err=True)
    else:
        rows = [[item.record, item.year, f"{item.score:.2f}", "; ".join(item.reasons)] for item in found]
        output.print_table(["record", "year", "score", "why"], rows)


@app.command()
@click.argument("start")
@click.argument("end")
@json_flag
def path(start: str, end: str, as_json: bool) -> None:
    """Find the shortest path between two records through the typed edges, each with its source.

    Example: moe-kb path paper:gshard model:mixtral
    """
    steps = open_here().path(start, end)
    if as_json:
        output.print_json(steps)
        return
    for step in steps:
        arrow = f"--{step.type}-->" if step.forward else f"<--{step.type}--"
        place = f"{step.source}, {step.locator}" if step.locator else step.source or "this project's catalogue"
        click.echo(f"{step.start} {arrow} {step.end}   [{place}{', inferred' if step.status == 'derived' else ''}]")


@app.command()
@click.argument("names", nargs=-1)
@click.option("--search", "text", help="Also every paper that a search finds, as the app's Papers page does.")
@click.option("--node", help="Also every paper at or under this taxonomy node; with --search, only those.")
@click.option("--field", help="Cite the sources of this field instead.")
@click.option("--configuration", help="Configuration, with --field.")
@click.option("--format", type=click.Choice(["bibtex"]), default="bibtex", help="Form of the entries.")
@json_flag
def cite(
    names: tuple[str, ...],
    text: str | None,
    node: str | None,
    field: str | None,
    configuration: str | None,
    format: str,
    as_json: bool,
) -> None:
    """Print BibTeX of papers and sources, of those behind a value, of a search or node, or of moe-kb itself.

    Example: moe-kb cite model:mixtral --field params_total
    """
    from moe_kb.queries.papers import Facets

    kb = open_here()
    wanted = list(names)
    if text is not None or node is not None:
        if field:
            raise click.BadParameter("a field is of named records; leave --search and --node out", param_hint="--field")
        under = kb.resolve_node(node) if node else None
        wanted += [paper.record for paper in kb.papers(Facets(text=text or "", node=under))]
        if not wanted:
            click.echo("Nothing found to cite. Try fewer words, or another node.", err=True)
            raise Exit(1)
    elif not names:
        raise click.UsageError("Name what to cite, or give --search or --node.")
    support = [place for name in names for place in kb.support(name, field, configuration)] if field else []
    found = kb.bibtex([f"source:{place.source}" for place in support] if field else wanted)
    if as_json:
        written = [{"record": record, format: entry} for record, entry in found.items()]
        data = {"entries": written, "support": list(dict.fromkeys(support)), "version": kb.version}
        output.print_json(data)
        return
    for place in dict.fromkeys(support):
        about = f"{place.record}{f' [{place.configuration}]' if place.configuration else ''} {place.field}"
        value = f" = {' '.join(place.value.split())}" if place.value else ""
        click.echo(f"% {about}{value}: {place.source}{f', {place.locator}' if place.locator else ''}")
    if support:
        click.echo(f"% {kb.note}")
    click.echo("\n".join(found.values()), nl=False)


@app.command()
@click.argument("sql")
@click.option("--format", type=FORMS, default="table", show_default=True, help="Form of the result.")
@click.option(
    "--max-rows", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True, help="At most this many rows."
)
@click.option("--excel", is_flag=True, help="With --format csv: a byte-order mark first, so that Excel reads UTF-8.")
@json_flag
def query(sql: str, format: str, max_rows: int, excel: bool, as_json: bool) -> None:
    """Run one read-only SELECT. Tables and columns: SELECT * FROM dictionary

    Example: moe-kb query "SELECT name, year FROM papers LIMIT 5"
    """
    if excel and (as_json or format != "csv"):
        raise click.BadParameter("only CSV has a byte-order mark; add --format csv", param_hint="--excel")
    result = open_here().query(sql, max_rows=max_rows)
    if as_json or format == "json":
        output.print_json([dict(zip(result.columns, row, strict=True)) for row in result.rows])
    elif format == "csv":
        output.print_csv(result.columns, result.rows, excel=excel)
    else:
        output.print_table(result.columns, [list(row) for row in result.rows])
    if result.truncated:
        click.echo(f"Cut off after {max_rows} rows. Raise --max-rows, or add a LIMIT.", err=True)


@app.command()
@click.argument("name", required=False)
@click.option("--rule", help="Only this rule or family of rules.")
@click.option("--open", "unwaived", is_flag=True, help="Only those that nobody has waived.")
@click.option("--page", type=PATH, help="Write the issues on surveys and lists into this Markdown page.")
@json_flag
def audit(name: str | None, rule: str | None, unwaived: bool, page: Path | None, as_json: bool) -> None:
    """List issues in the records: claims that differ, counts, sizes, dates, identities, gaps.

    NAME is a record, or the eight digits before an issue: then also what to write to resolve or waive it.

    Example: moe-kb audit model:mixtral --open
    """
    from moe_kb.audit.report import MAX_PAGE, written
    from moe_kb.cli.audit import as_text, resolving
    from moe_kb.files import read_text, write_text

    kb = open_here()
    if page is not None:
        if name or rule or unwaived or as_json:
            raise click.BadParameter("the page has all issues; leave the other options out", param_hint="--page")
        write_text(page, written(read_text(page, MAX_PAGE), kb.audit(), kb.sources().values()))
        return
    digits = re.fullmatch("[0-9a-f]{8}", name or "")
    single = [issue for issue in kb.audit() if issue.short_id == name] if digits else []
    found = single or kb.audit(name, rule=rule, waived=not unwaived)
    if as_json:
        output.print_json([issue.as_data() for issue in found])
    else:
        click.echo(as_text(found))
        for issue in single:
            click.echo(f"\n{resolving(issue)}\n")
        still_open = sum(issue.open for issue in found)
        click.echo(f"{len(found)} issue{'' if len(found) == 1 else 's'}, {still_open} open.", err=True)


@app.command()
@json_flag
def stats(as_json: bool) -> None:
    """Count what is here, and list what is missing.

    Example: moe-kb stats --json
    """
    numbers = open_here().stats()
    if as_json:
        output.print_json(numbers)
    else:
        output.print_nested(output.plain(numbers))


@app.command()
@click.argument("folder", type=PATH)
@click.option("--format", default="csv", show_default=True, help="Any of csv,json,parquet,bibtex, separated by commas.")
@click.option("--excel", is_flag=True, help="Begin CSV with a byte-order mark, so that Excel reads UTF-8.")
def export(folder: Path, format: str, excel: bool) -> None:
    """Write every table and view to a folder, with a data dictionary.

    Example: moe-kb export out --format csv,bibtex
    """
    formats = [name.strip() for name in format.split(",") if name.strip()]
    written = open_here().export(folder, formats, excel=excel)
    click.echo(f"{len(written)} files written to {folder}", err=True)

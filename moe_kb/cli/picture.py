"""The command `picture`: a gating design, or the lineage of all, as SVG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from moe_kb.cli.root import PATH, app, open_here

if TYPE_CHECKING:
    from moe_kb.pictures.design import Size
    from moe_kb.pictures.svg import Theme


@app.command()
@click.argument("name")
@click.option("--out", type=PATH, help="Write the file here. Default: standard output.")
@click.option(
    "--size",
    type=click.Choice(["card", "page"]),
    default="page",
    show_default=True,
    help="Of a design: 320 pixels wide, or 960 with every property.",
)
@click.option(
    "--theme",
    type=click.Choice(["auto", "light", "dark"]),
    default="auto",
    show_default=True,
    help="Colours; auto follows the reader's setting.",
)
def picture(name: str, out: Path | None, size: Size, theme: Theme) -> None:
    """Draw how a gating design routes, or the lineage of all of them, as SVG.

    Example: moe-kb picture mixtral-top2-router --out mixtral.svg
    """
    from moe_kb.files import write_text

    kb = open_here()
    drawn = kb.lineage_picture(theme=theme) if name == "lineage" else kb.picture(name, size=size, theme=theme)
    if out is None:
        click.echo(drawn.svg)
        return
    write_text(out, drawn.svg + "\n")
    click.echo(f"{out}: {drawn.alt}", err=True)

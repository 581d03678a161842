"""The command `picture`: designs, models, or the lineage of all designs, as SVG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from moe_kb.cli.root import PATH, app, open_here

if TYPE_CHECKING:
    from moe_kb.pictures.named import Size
    from moe_kb.pictures.svg import Theme


@app.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--out", type=PATH, help="Write the file here. Default: standard output.")
@click.option(
    "--size",
    type=click.Choice(["card", "page"]),
    default="page",
    show_default=True,
    help="Of one picture: a card for a narrow place, or large with everything.",
)
@click.option("--poster", is_flag=True, help="A sheet with name and sources, as several names give it.")
@click.option(
    "--theme",
    type=click.Choice(["auto", "light", "dark"]),
    default="auto",
    show_default=True,
    help="Colours; auto follows the reader's setting.",
)
def picture(names: tuple[str, ...], out: Path | None, size: Size, poster: bool, theme: Theme) -> None:
    """Draw how a design routes, a model's layers, or the lineage of all designs, as SVG.

    A name is a key, `design:KEY`, `model:KEY`, `model:KEY#LABEL` for one configuration, or `lineage`; several designs,
    or several models, go beside each other with what differs lit.

    Example: moe-kb picture model:mixtral#8x7B model:deepseek-v3 --out two.svg
    """
    from moe_kb.files import write_text

    kb = open_here()
    sheet = poster or len(names) > 1
    drawn = kb.poster(names, theme=theme) if sheet else kb.picture(names[0], size=size, theme=theme)
    if out is None:
        click.echo(drawn.svg)
        return
    write_text(out, drawn.svg + "\n")
    click.echo(f"{out}: {drawn.alt}", err=True)

"""The application object, and what its commands share: options, and the knowledge base that they mean."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from moe_kb.kb import KnowledgeBase

app = typer.Typer(
    name="moe-kb",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("moe-kb"))
        raise typer.Exit


@app.callback()
def shared(
    root: Annotated[
        Path | None,
        typer.Option(
            "--root",
            envvar="MOE_KB_ROOT",
            show_default=False,
            help="A tree with data/ and taxonomy/. Default: the checkout, else the data in the package.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Browse, query, check and run the living survey of Mixture-of-Experts."""
    # One place decides which tree and which runs are meant, for this process and for those it starts elsewhere.
    if root is not None:
        os.environ["MOE_KB_ROOT"] = str(root.expanduser().absolute())
    if os.environ.get("MOE_KB_LAB"):
        os.environ["MOE_KB_LAB"] = str(Path(os.environ["MOE_KB_LAB"]).expanduser().absolute())


def open_here() -> KnowledgeBase:
    """The knowledge base meant by `--root`; where its records have findings, a word on standard error."""
    from moe_kb.kb import open_kb

    kb = open_kb()
    if kb.stale:
        typer.echo(
            f"moe-kb: answering from the database built {kb.meta['built']}: the records have findings since "
            "(moe-kb check lists them).",
            err=True,
        )
    return kb

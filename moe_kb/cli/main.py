"""The application object, the options every command shares, and the way errors reach a person."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="moe-kb",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


def main() -> None:
    """Entry point: run a command; a known error is one line on standard error and exit status 2."""
    from moe_kb.errors import MoeKbError

    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its code instead of ending the command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except MoeKbError as error:
        typer.echo(f"moe-kb: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        # The reader (head, less) has gone; writing the rest would only raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        typer.echo(f"moe-kb: {place}{error.strerror or error}.", err=True)
        sys.exit(2)


from moe_kb.cli import ask, imports, machine, size, tree  # noqa: E402, F401  commands register themselves on `app`

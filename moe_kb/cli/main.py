"""The entry point: runs a command, and brings errors to a person."""

from __future__ import annotations

import io
import os
import sys

import typer

from moe_kb.cli import analysis, ask, imports, machine, size, tree  # noqa: F401  commands register themselves on `app`
from moe_kb.cli.root import app


def main() -> None:
    """Run a command; a known error is one line on standard error and exit status 2."""
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

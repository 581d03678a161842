"""The entry point: runs a command, and brings errors to a person."""

from __future__ import annotations

import gc
import os
import sys

import click

from moe_kb.cli.output import screens
from moe_kb.cli.root import app


def main() -> None:
    """Run a command; a known error is one line on standard error and exit status 2."""
    # A command lives for a tenth of a second and makes little garbage; looking for it would cost a tenth of that.
    gc.set_threshold(50_000)
    # Records need no plugins of pydantic's, and looking for some reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    with screens():
        _run()


def _run() -> None:
    from moe_kb.errors import MoeKbError

    try:
        app(prog_name="moe-kb")
    except MoeKbError as error:
        click.echo(f"moe-kb: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        # The reader (head, less) has gone; writing the rest would only raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"moe-kb: {place}{error.strerror or error}.", err=True)
        sys.exit(2)

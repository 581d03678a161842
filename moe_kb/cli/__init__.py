"""The command line, `moe-kb`. At the top, modules here import click and what prints, so that `--help` is instant."""

from moe_kb.cli.main import main

__all__ = ["main"]

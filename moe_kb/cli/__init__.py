"""The command line, `moe-kb`. Modules here import only click at the top, so that `--help` is instant."""

from moe_kb.cli.main import main

__all__ = ["main"]

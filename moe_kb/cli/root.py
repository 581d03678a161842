"""The application object, and what its commands share: options, and the knowledge base that they mean."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from moe_kb.kinds import KINDS

if TYPE_CHECKING:
    from moe_kb.kb import KnowledgeBase

json_flag = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
#: Kinds of records that can be asked for.
KIND = click.Choice(KINDS)
PATH = click.Path(path_type=Path)


#: Commands by the module that holds them; only the one that is asked for is imported.
COMMANDS = {
    "ask": ("search", "show", "tree", "compare", "related", "path", "cite", "query", "audit", "stats", "export"),
    "size": ("size",),
    "analysis": ("tradeoffs", "leaderboard", "trends"),
    "guide": ("guide",),
    "picture": ("picture",),
    "tree": ("check", "build", "format"),
    "imports": ("import",),
    "machine": ("app", "run", "doctor", "schema"),
}


class _Commands(click.Group):
    """Imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(name for names in COMMANDS.values() for name in names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for module, names in COMMANDS.items():
            if cmd_name in names and cmd_name not in self.commands:
                import_module(f"moe_kb.cli.{module}")  # its commands register themselves
        return super().get_command(ctx, cmd_name)


@click.group(
    cls=_Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--root",
    type=PATH,
    envvar="MOE_KB_ROOT",
    help="A tree with data/ and taxonomy/. Default: the checkout, else the data in the package.",
)
@click.version_option(package_name="moe-kb", message="%(version)s")
def app(root: Path | None) -> None:
    """Browse, query, check and run the living survey of Mixture-of-Experts.

    Example: moe-kb search "expert choice"
    """
    # One place decides which tree and which runs are meant, for this process and for those it starts elsewhere.
    if root is not None:
        os.environ["MOE_KB_ROOT"] = str(root.expanduser().absolute())
    if os.environ.get("MOE_KB_LAB"):
        os.environ["MOE_KB_LAB"] = str(Path(os.environ["MOE_KB_LAB"]).expanduser().absolute())


def open_here() -> KnowledgeBase:
    """The knowledge base meant by `--root`; where its database is older than the records, a word on standard error."""
    from moe_kb.kb import open_kb

    kb = open_kb()
    if kb.stale:
        reason = kb.stale.splitlines()[0].rstrip(":")
        click.echo(
            f"moe-kb: answering from the database built {kb.meta['built']}, older than the records: {reason}", err=True
        )
    return kb

"""Commands about this machine: app, run, doctor, schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from moe_kb.cli.root import app


@app.command("app")
def run_app(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8501,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open the web app; it listens on this machine only."""
    import importlib.util
    import subprocess
    import sys

    from moe_kb.kb import open_kb
    from moe_kb.paths import app_folder

    if importlib.util.find_spec("streamlit") is None:
        typer.echo("moe-kb: the app needs Streamlit. Run: pip install 'moe-kb[app,lab]'", err=True)
        raise typer.Exit(2)
    kb = open_kb()
    typer.echo(f"{kb.database}: built {kb.meta['built']}. The app opens at http://127.0.0.1:{port}", err=True)
    folder = app_folder()
    command = [sys.executable, "-m", "streamlit", "run", str(folder / "main.py")]
    command += ["--server.address", "127.0.0.1", "--server.port", str(port)]
    # Streamlit would ask a first-time user for an e-mail address and wait.
    command += ["--server.headless", "false" if browser else "true", "--server.showEmailPrompt", "false"]
    # Streamlit reads its theme and settings from the folder it is started in.
    try:
        raise typer.Exit(subprocess.call(command, cwd=folder))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def run(
    context: typer.Context,
    key: Annotated[str | None, typer.Argument(help="An implementation, or the design it implements.")] = None,
) -> None:
    """Train an implementation here and watch it in the terminal; `moe-kb run KEY --help` lists its settings.

    Without a key: what can be run. In the app's laboratory runs are queued, kept and compared.
    """
    import subprocess
    import sys

    from moe_kb.lab.catalogue import installed_catalogue

    catalogue = installed_catalogue()
    if key in (None, "--help", "-h"):
        width = max((len(entry.key) for entry in catalogue.entries), default=0)
        typer.echo("Usage: moe-kb run KEY [--steps 100 …] [--config FILE] [--run-dir DIR] [--resume FILE]\n")
        for entry in catalogue.entries:
            typer.echo(f"  {entry.key:<{width}}  {entry.summary}")
        raise typer.Exit
    named = [entry for entry in catalogue.entries if key in entry.designs]
    entry = named[0] if len(named) == 1 else catalogue.entry(key)
    command = [sys.executable, "-m", entry.module, "run", entry.key, *context.args]
    try:
        raise typer.Exit(subprocess.call(command))
    except KeyboardInterrupt:  # the run has heard it, too, and finished its step
        raise typer.Exit(130) from None


@app.command()
def doctor(json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say what works on this machine and how to fix what does not. Exit status 1 if something needed is broken."""
    from dataclasses import asdict

    from moe_kb.doctor import examine

    found = list(examine())
    if json_output:
        typer.echo(json.dumps([asdict(item) for item in found], indent=2))
    else:
        for item in found:
            fix = f"  -> {item.fix}" if item.state != "ok" and item.fix else ""
            typer.echo(f"{item.state:8} {item.what:12} {item.detail}{fix}")
    raise typer.Exit(1 if any(item.state == "broken" for item in found) else 0)


@app.command()
def schema(
    folder: Annotated[Path, typer.Argument(help="Where the schemas go.")] = Path("docs/schema"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit status 1 if any is out of date.")] = False,
) -> None:
    """Write the JSON Schema of every kind of file."""
    from moe_kb.jsonschema import outdated_schemas, write_schemas

    if check:
        old = outdated_schemas(folder)
        for path in old:
            typer.echo(f"{path} is out of date. Run: moe-kb schema {folder}", err=True)
        raise typer.Exit(1 if old else 0)
    for path in write_schemas(folder):
        typer.echo(str(path))

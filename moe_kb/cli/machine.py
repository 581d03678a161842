"""Commands about this machine: app, run, doctor, schema."""

from __future__ import annotations

from pathlib import Path

import click
from click.exceptions import Exit

from moe_kb.cli import output
from moe_kb.cli.root import PATH, app, json_flag


@app.command("app")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port on 127.0.0.1.")
@click.option("--browser/--no-browser", default=True, help="Open a browser window.")
def run_app(port: int, browser: bool) -> None:
    """Open the web app; it listens on this machine only, and answers only those who have the token it prints.

    MOE_KB_TOKEN fixes the token, which is fresh for each start otherwise. MOE_KB_HOSTS names further hosts, separated
    by commas, where a proxy stands before it.

    Example: moe-kb app --port 8600
    """
    import importlib.util
    import os
    import sys

    from moe_kb.kb import open_kb
    from moe_kb.paths import app_folder

    if importlib.util.find_spec("streamlit") is None:
        click.echo("moe-kb: the app needs Streamlit. Run: pip install 'moe-kb[app,lab]'", err=True)
        raise Exit(2)
    kb = open_kb()
    click.echo(f"{kb.database}: built {kb.meta['built']}.", err=True)
    folder = app_folder()
    command = [sys.executable, "-m", "streamlit", "run", str(folder / "main.py")]
    command += ["--server.address", "127.0.0.1", "--server.port", str(port)]
    # Streamlit would ask a first-time user for an e-mail address and wait.
    command += ["--server.headless", "false" if browser else "true", "--server.showEmailPrompt", "false"]
    # Streamlit reads its theme and settings from the folder it is started in. It takes this process's place, so that
    # whoever stops this one stops the server.
    os.chdir(folder)
    os.execv(sys.executable, command)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("key", required=False)
@click.pass_context
def run(context: click.Context, key: str | None) -> None:
    """Train an implementation and watch it in the terminal; without a key, list what can be run.

    KEY is an implementation, or the design it implements; `moe-kb run KEY --help` lists its settings. In the app's
    laboratory runs are queued, kept and compared.

    Example: moe-kb run mixtral-top2-router --steps 100
    """
    import subprocess
    import sys

    from moe_kb.lab.catalogue import installed_catalogue

    catalogue = installed_catalogue()
    if key in (None, "--help", "-h"):
        width = max((len(entry.key) for entry in catalogue.entries), default=0)
        click.echo("Usage: moe-kb run KEY [--steps 100 …] [--config FILE] [--run-dir DIR] [--resume FILE]\n")
        for entry in catalogue.entries:
            click.echo(f"  {entry.key:<{width}}  {entry.summary}")
        raise Exit(0)
    named = [entry for entry in catalogue.entries if key in entry.designs]
    entry = named[0] if len(named) == 1 else catalogue.entry(key)
    command = [sys.executable, "-m", entry.module, "run", entry.key, *context.args]
    try:
        raise Exit(subprocess.call(command))
    except KeyboardInterrupt:  # the run has heard it, too, and finished its step
        raise Exit(130) from None


@app.command()
@json_flag
def doctor(as_json: bool) -> None:
    """Report what works on this machine and how to fix what does not. Exit status 1 if something needed is broken.

    Example: moe-kb doctor
    """
    from moe_kb.doctor import examine

    diagnoses = list(examine())
    if as_json:
        output.print_json(diagnoses)
    else:
        for item in diagnoses:
            fix = f"  -> {item.fix}" if item.state != "ok" and item.fix else ""
            click.echo(f"{item.state:8} {item.what:12} {item.detail}{fix}")
    raise Exit(1 if any(item.state == "broken" for item in diagnoses) else 0)


@app.command()
@click.argument("folder", type=PATH, default="docs/schema")
@click.option("--check", is_flag=True, help="Write nothing; exit status 1 if any is out of date.")
def schema(folder: Path, check: bool) -> None:
    """Write the JSON Schema of every kind of file to a folder.

    Example: moe-kb schema docs/schema
    """
    from moe_kb.jsonschema import outdated_schemas, write_schemas

    if check:
        old = outdated_schemas(folder)
        for path in old:
            click.echo(f"{path} is out of date. Run: moe-kb schema {folder}", err=True)
        raise Exit(1 if old else 0)
    for path in write_schemas(folder):
        click.echo(str(path))

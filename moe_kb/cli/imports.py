"""The commands `import`: other people's configuration files become records of the tree."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.exceptions import Exit

from moe_kb.cli.root import PATH, app

if TYPE_CHECKING:
    from pydantic import BaseModel

    from moe_kb.corpus import Corpus
    from moe_kb.importing import Imported
    from moe_kb.records import Model, Source
    from moe_kb.sizing import Parameters


@app.group("import", no_args_is_help=True)
def imports() -> None:
    """Add a model from a configuration file.

    Example: moe-kb import hf config.json --name Mixtral
    """


@imports.command("hf")
@click.argument("config", type=PATH)
@click.option("--name", help="What people call the model. Default: the file's name.")
@click.option("--key", help="Key of the record; that of a model adds a configuration to it.")
@click.option("--label", help="Name of this size. Default: its parameters.")
@click.option("--url", help="Where the file is published.")
@click.option("--version", help="Its commit or revision.")
@click.option("--accessed", help="When it was read, YYYY-MM. Default: this month.")
@click.option("--output", "folder", type=PATH, help="Write data/models and data/sources there instead.")
@click.option("--dry-run", is_flag=True, help="Print the records and write nothing.")
def hugging_face(
    config: Path,
    name: str | None,
    key: str | None,
    label: str | None,
    url: str | None,
    version: str | None,
    accessed: str | None,
    folder: Path | None,
    dry_run: bool,
) -> None:
    """Read a config.json into a model record and a source record. Exit status 1 where it is not understood.

    Example: moe-kb import hf config.json --name Mixtral --label 8x7B --url ADDRESS
    """
    import time

    from moe_kb.corpus import Corpus
    from moe_kb.importing import RefusedError
    from moe_kb.importing.expressions import shown
    from moe_kb.importing.records import (
        ImportNameError,
        Origin,
        differences,
        key_of,
        label_of,
        model_record,
        source_record,
        with_configuration,
    )
    from moe_kb.paths import find_root
    from moe_kb.records import Model, Source

    root = find_root()
    corpus = Corpus.load(root)
    named = corpus.records.get(f"model:{key}")
    name = name or (named.name if isinstance(named, Model) else _name_of(config))
    model_key = key or key_of(name)
    there = corpus.records.get(f"model:{model_key}")
    model = there if isinstance(there, Model) else None
    source_key = f"{model_key}-config"
    today = time.strftime("%Y-%m")
    source_record(source_key, Origin(name, url, version, accessed or today))  # what was given is looked at first
    try:
        imported, size = _read(config, source_key)
    except RefusedError as error:
        for reason in error.reasons:
            click.echo(f"{config.name}: refused: {reason}", err=True)
        raise Exit(1) from None
    published_as = name
    if model and not _made(model, source_key, label or label_of(size)):
        if key is not None and label is None:
            raise click.BadParameter(f"{model.reference} exists: name the size to add to it", param_hint="--label")
        _must_be_meant(model, name, key)
        source_key, published_as = f"{model_key}-{key_of(label or '')}-config", f"{name} {label}"
        architecture = imported.architecture.model_copy(update={"source": source_key})
        imported = replace(imported, architecture=architecture)
    elif model:
        _must_be_meant(model, name, model_key)
    label = label or label_of(size)
    record = with_configuration(model, label, imported) if model else model_record(model_key, name, label, imported)
    source_path = corpus.paths.get(f"source:{source_key}", f"data/sources/{source_key}.yaml")
    kept = _kept(folder or root, source_path)
    accessed = accessed or (kept.accessed if isinstance(kept, Source) else None) or today
    source = source_record(source_key, Origin(published_as, url, version, accessed))
    if isinstance(kept, Source) and (differing := differences(kept, source)):
        exists = f"{model.reference} exists; its {source.reference}" if model else f"{source.reference} exists and"
        told = f"{exists} differs in {', '.join(differing)}"
        raise ImportNameError(f"{told}; an import changes no source: give what it says, or another --key or --label")
    model_path = corpus.paths.get(record.reference, f"data/models/{record.key}.yaml")
    texts = _texts({source_path: source, model_path: record}, corpus)
    if dry_run:
        for path, text in texts.items():
            click.echo(f"# {path}\n{text}")
    else:
        _write(texts, folder or _writable(root), replaced=model_path if model is not None and folder is None else None)
    click.echo(f"{record.name} [{label}]: {size.total:,} parameters, {round(size.active):,} active.", err=dry_run)
    if imported.assumed:
        told = ", ".join(f"{field} = {shown(value)}" for field, value in sorted(imported.assumed.items()))
        click.echo(f"Not in the file, so taken as the model's code takes them: {told}.", err=dry_run)


def _name_of(config: Path) -> str:
    """The file's name, or its folder's where the file is just a `config.json`."""
    path = config.absolute()
    return path.parent.name if path.stem == "config" else path.stem


def _made(model: Model, source: str, label: str) -> bool:
    """Whether a model's configuration is from this very source: an import of the file is repeated."""
    return any(
        configuration.label == label and configuration.architecture and configuration.architecture.source == source
        for configuration in model.configurations
    )


def _must_be_meant(model: Model, name: str, key: str | None) -> None:
    """A model that is there is only added to where it was named by its key."""
    from moe_kb.importing.records import ImportNameError

    if key is None:
        raise ImportNameError(
            f"{model.reference} exists. To add a configuration to it give --key {model.key} --label LABEL; "
            "for another model give another --key"
        )
    if name != model.name:
        raise ImportNameError(f"{model.reference} is called {model.name!r}, not {name!r}; leave --name out")


def _read(config: Path, source: str) -> tuple[Imported, Parameters]:
    """The architecture and its size.

    Raises:
        RefusedError: the file is not understood.
    """
    from moe_kb.importing import RefusedError, read_config_file
    from moe_kb.sizing import UnsizedError, count

    imported = read_config_file(config, source=source)
    try:
        return imported, count(imported.architecture)
    except UnsizedError as error:
        raise RefusedError(*error.missing) from None


def _kept(folder: Path, path: str) -> BaseModel | None:
    """The record in a file of a folder; none where there is none, or none that can be read."""
    from moe_kb.corpus import read_model

    return read_model(folder, path)[0]


def _texts(records: dict[str, Model | Source], corpus: Corpus) -> dict[str, str]:
    """Files' texts, with the comments of those that are there; refused where `moe-kb check` would find fault."""
    from moe_kb import yamlio
    from moe_kb.checks import Index, check_record
    from moe_kb.corpus import validate
    from moe_kb.errors import CheckFailedError, YamlError

    texts, told = {}, []
    corpus.records |= {record.reference: record for record in records.values()}
    index = Index.of(corpus)
    for path, record in records.items():
        text = yamlio.canonical_text(record)
        try:
            problems = validate(type(record), yamlio.parse(text), path, text)[1]
            told += [finding.message for finding in (*problems, *check_record(record, path, index))]
        except YamlError as error:  # more layers than a record can hold
            told.append(error.message)
        if record.reference in corpus.paths:
            text = yamlio.with_comments(text, yamlio.read_text(corpus.root / path, corpus.root))
        texts[path] = text
    if told:
        problem = "; ".join(told)
        raise CheckFailedError(f"nothing was written, as this tree would not pass `moe-kb check`: {problem}")
    return texts


def _writable(root: Path) -> Path:
    from moe_kb.errors import NotFoundError
    from moe_kb.paths import BUNDLED

    if root == BUNDLED:
        raise NotFoundError("the records are those inside the package; give --root a tree of your own, or --output")
    return root


def _write(texts: dict[str, str], folder: Path, *, replaced: str | None) -> None:
    """Write every text or none, and say so; what is there and says the same is left.

    Args:
        texts: Texts by path.
        folder: Where the paths begin.
        replaced: The one path whose file may say something else.
    """
    from moe_kb import yamlio
    from moe_kb.corpus import model_type_of
    from moe_kb.files import write_texts
    from moe_kb.importing.records import ImportNameError, differences

    missing = {}
    for path, text in texts.items():
        kind, kept = model_type_of(path), _kept(folder, path)
        assert kind is not None
        differing = differences(kept, kind.model_validate(yamlio.parse(text))) if kept else ["all"]
        if not differing:
            click.echo(f"already there: {folder / path}")
            continue
        if path != replaced and os.path.lexists(folder / path):
            differs = f"differs in {', '.join(differing)}" if kept else "is no such record"
            told = f"{folder / path} exists and {differs}, and an import overwrites no file"
            raise ImportNameError(f"{told}; give another --key or --label")
        missing[folder / path] = text
    write_texts(missing)
    for file in missing:
        click.echo(f"wrote {file}")

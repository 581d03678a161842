"""The commands `import`: other people's configuration files become records of the tree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.exceptions import Exit

from moe_kb.cli.root import PATH, app

if TYPE_CHECKING:
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

    from moe_kb import yamlio
    from moe_kb.corpus import Corpus
    from moe_kb.importing import RefusedError
    from moe_kb.importing.records import Origin, key_of, label_of, model_record, source_record, with_configuration
    from moe_kb.paths import find_root
    from moe_kb.records import Model

    root = find_root()
    corpus = Corpus.load(root)
    there = corpus.records.get(f"model:{key}")
    model = there if isinstance(there, Model) else None
    if model and label is None:
        raise click.BadParameter(f"{model.reference} exists: name the size to add to it", param_hint="--label")
    name = name or (model.name if model else _name_of(config))
    model_key = key or key_of(name)
    origin = Origin(f"{name} {label}" if model else name, url, version, accessed or time.strftime("%Y-%m"))
    source = source_record(f"{model_key}-{key_of(label)}-config" if model and label else f"{model_key}-config", origin)
    try:
        imported, size = _read(config, source.key)
    except RefusedError as error:
        for reason in error.reasons:
            click.echo(f"{config.name}: refused: {reason}", err=True)
        raise Exit(1) from None
    _must_be_new(corpus, model, name, model_key, source)
    label = label or label_of(size)
    record = with_configuration(model, label, imported) if model else model_record(model_key, name, label, imported)
    _check(corpus, record, source)
    texts = {f"data/sources/{source.key}.yaml": yamlio.canonical_text(source)}
    if model:
        path = corpus.paths[model.reference]
        texts[path] = yamlio.with_comments(yamlio.canonical_text(record), yamlio.read_text(root / path, root))
    else:
        texts[f"data/models/{record.key}.yaml"] = yamlio.canonical_text(record)
    if dry_run:
        for path, text in texts.items():
            click.echo(f"# {path}\n{text}")
    else:
        for file in _write(texts, folder or _writable(root), replacing=model is not None and folder is None):
            click.echo(f"wrote {file}")
    click.echo(f"{record.name} [{label}]: {size.total:,} parameters, {round(size.active):,} active.", err=dry_run)
    if imported.assumed:
        told = ", ".join(f"{field} = {value!r}" for field, value in sorted(imported.assumed.items()))
        click.echo(f"Not in the file, so taken as the model's code takes them: {told}.", err=dry_run)


def _name_of(config: Path) -> str:
    """The file's name, or its folder's where the file is just a `config.json`."""
    path = config.absolute()
    return path.parent.name if path.stem == "config" else path.stem


def _must_be_new(corpus: Corpus, model: Model | None, name: str, key: str, source: Source) -> None:
    """Nothing that is there is changed, except that a model that was named by its key gets one more configuration."""
    from moe_kb.importing.records import ImportNameError

    if model is not None and name != model.name:
        raise ImportNameError(f"{model.reference} is called {model.name!r}, not {name!r}; leave --name out")
    if model is None and f"model:{key}" in corpus.records:
        raise ImportNameError(
            f"model:{key} exists. To add a configuration to it give --key {key} --label LABEL; "
            "for another model give another --key"
        )
    if source.reference in corpus.records:
        raise ImportNameError(
            f"{source.reference} exists, and an import changes no source; give another --key or --label"
        )


def _read(config: Path, source: str) -> tuple[Imported, Parameters]:
    """The architecture and its size.

    Raises:
        RefusedError: the file is not understood.
    """
    from moe_kb.importing import RefusedError, read_config
    from moe_kb.importing.hf import MAX_BYTES
    from moe_kb.sizing import UnsizedError, count

    with config.open("rb") as file:
        content = file.read(MAX_BYTES + 1)  # more is refused by its size
    imported = read_config(content, source=source)
    try:
        return imported, count(imported.architecture)
    except UnsizedError as error:
        raise RefusedError(*error.missing) from None


def _check(corpus: Corpus, model: Model, source: Source) -> None:
    """Refuse records that `moe-kb check` would find fault with."""
    from moe_kb.checks import Index, check_record
    from moe_kb.errors import CheckFailedError

    corpus.records |= {record.reference: record for record in (model, source)}
    index = Index.of(corpus)
    for record, folder in ((source, "sources"), (model, "models")):
        path = corpus.paths.get(record.reference, f"data/{folder}/{record.key}.yaml")
        if findings := check_record(record, path, index):
            told = "; ".join(finding.message for finding in findings)
            raise CheckFailedError(f"nothing was written, as this tree would not pass `moe-kb check`: {told}")


def _writable(root: Path) -> Path:
    from moe_kb.errors import NotFoundError
    from moe_kb.paths import BUNDLED

    if root == BUNDLED:
        raise NotFoundError("the records are those inside the package; give --root a tree of your own, or --output")
    return root


def _write(texts: dict[str, str], folder: Path, *, replacing: bool) -> list[Path]:
    """Write every text or none; a file that exists is only replaced if it is the last and `replacing`."""
    import os

    from moe_kb.importing.records import ImportNameError

    targets = [folder / path for path in texts]
    for target in targets[: len(targets) - replacing]:
        if target.exists():
            raise ImportNameError(f"{target} exists, and an import overwrites no file; give another --key")
    beside = [target.with_name(f".{target.name}.{os.getpid()}.tmp") for target in targets]
    try:
        for target, temporary, text in zip(targets, beside, texts.values(), strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(text, encoding="utf-8", newline="")
        for target, temporary in zip(targets, beside, strict=True):
            temporary.replace(target)
    finally:
        for temporary in beside:
            temporary.unlink(missing_ok=True)
    return targets

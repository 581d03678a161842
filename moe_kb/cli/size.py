"""The command `size`: parameters, operations, memory, traffic and rooflines of a model or a config.json."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from moe_kb.cli import output
from moe_kb.cli.root import app, json_flag, open_here

if TYPE_CHECKING:
    from moe_kb.kb import KnowledgeBase
    from moe_kb.records.architecture import Architecture
    from moe_kb.sizing.report import Device, Size


@app.command()
@click.argument("model")
@click.option("--configuration", "-c", help="Only this size of the model.")
@click.option(
    "--context", type=click.IntRange(1, 100_000_000), default=8192, show_default=True, help="Tokens of a sequence."
)
@click.option(
    "--batch", type=click.IntRange(1, 1_000_000), default=1, show_default=True, help="Batch size of decoding."
)
@click.option(
    "--expert-parallel",
    type=click.IntRange(1, 100_000),
    default=8,
    show_default=True,
    help="Devices over which each layer's experts are spread.",
)
@click.option("--weights", default="bf16", show_default=True, help="Weight precision: bf16, fp8-block-128, mxfp4 ...")
@click.option("--accelerator", multiple=True, help="Only these accelerators (by key); repeat it.")
@json_flag
def size(
    model: str,
    configuration: str | None,
    context: int,
    batch: int,
    expert_parallel: int,
    weights: str,
    accelerator: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compute what a model here, or any config.json, costs: parameters, operations, memory, traffic, rooflines.

    Example: moe-kb size deepseek-v3 --weights fp8-block-128
    """
    from moe_kb.errors import NotFoundError
    from moe_kb.sizing import UnsizedError
    from moe_kb.sizing import size as compute
    from moe_kb.sizing.precision import FORMATS
    from moe_kb.sizing.report import Setting

    if weights not in FORMATS:
        raise click.BadParameter(f"{weights!r}; known: {', '.join(FORMATS)}", param_hint="--weights")
    setting = Setting(context, batch, expert_parallel, FORMATS[weights])
    kb = open_here()
    known = kb.devices(setting.weights)
    if unknown := set(accelerator) - {device.key for device in known}:
        raise NotFoundError(
            f"no accelerator {', '.join(sorted(unknown))} with the datasheet values needed. "
            f"Known: {', '.join(sorted(device.key for device in known))}"
        )
    chosen = [device for device in known if not accelerator or device.key in accelerator]
    sizes: dict[str, Size] = {}
    for name, architecture in _architectures(kb, model, configuration).items():
        try:
            sizes[name] = compute(architecture, setting)
        except UnsizedError as error:
            raise NotFoundError(f"{name} {error}") from None
    if as_json:
        data = [{"name": name, **size.as_dict(chosen)} for name, size in sizes.items()]
        output.print_json(data[0] if len(data) == 1 else data)
        return
    for number, (name, size) in enumerate(sizes.items()):
        if number:
            click.echo("")
        output.print_table(["", name], _lines(size))
    if chosen:
        click.echo("")
        _print_devices(sizes, chosen)


def _architectures(kb: KnowledgeBase, model: str, configuration: str | None) -> dict[str, Architecture]:
    path = Path(model)
    if path.suffix == ".json" or (path.exists() and not path.is_dir()):
        from moe_kb.importing import read_config_file

        if configuration is not None:
            raise click.BadParameter("a config.json is one configuration", param_hint="--configuration")
        return {path.name: read_config_file(path, source="file").architecture}
    key = model.removeprefix("model:")
    found = kb.architectures(key, configuration)
    return {f"{key} [{label}]": architecture for label, architecture in found.items()}


def _lines(size: Size) -> list[tuple[str, str]]:
    from moe_kb.format import bytes_text
    from moe_kb.sizing.parameters import PARTS
    from moe_kb.sizing.precision import FORMATS
    from moe_kb.sizing.report import SCOPE

    p, s, c = size.parameters, size.setting, size.cache
    rows = [
        ("scope", SCOPE),
        ("parameters", f"{p.total:,}"),
        ("active, with embeddings and head", f"{round(p.active):,}"),
        ("active, without input embedding", f"{round(p.active_excl_input_embedding):,}"),
        ("active, without both", f"{round(p.active_excl_embeddings_and_head):,}"),
    ]
    for part in PARTS:
        share = p.parts[part]
        if share.total:
            active = "" if share.active == share.total else f" ({round(share.active):,} active)"
            rows.append((f"  {part}", f"{share.total:,}{active}"))
    if size.experts is not None:
        e = size.experts
        counts = f"{e.chosen:g} of {e.routed:g} and {e.shared:g} shared in {e.layers} layers"
        rows.append(("experts", f"{counts}; granularity {e.granularity:.3g}, sparsity {p.sparsity:.1%}"))
    for phase, done in (("prefill", size.prefill), ("decode", size.decode)):
        total = f"{float(done.total):.4g} ({float(done.weights):.4g} of weights)"
        rows.append((f"FLOPs per token, {phase} at {s.context:,}", total))
    rows += [(f"weights in {f.label}", bytes_text(size.weight_bytes(f))) for f in FORMATS.values()]
    windows = "".join(f" + {n:,} for each of the last {w:,}" for w, n in c.windows.items())
    source = f" + {c.per_source_token:,} for each source token" if c.per_source_token else ""
    rows.append(("cache, numbers", f"{float(c.per_token):,g} a token{windows} + {c.fixed:,} fixed{source}"))
    rows.append((f"cache of {s.context:,} tokens in 16 bits", bytes_text(size.cache_bytes)))
    if size.traffic is not None:
        t = size.traffic
        merged, per_expert = (bytes_text(float(numbers) * s.cache_bytes) for numbers in (t.merged, t.per_expert))
        sent = f"{merged} a token and layer, {per_expert} if sent once an expert"
        rows.append((f"all-to-all on {t.expert_parallel} devices", sent))
    return rows


def _print_devices(sizes: dict[str, Size], chosen: list[Device]) -> None:
    rows = []
    for name, size in sizes.items():
        for device in chosen:
            roofs = [size.on(device, phase) for phase in ("decode", "prefill")]
            times = [text for roof in roofs for text in (f"{roof.seconds * 1e3:.3g} ms", roof.bound)]
            rows.append((name, device.name, size.devices(device), device.arithmetic, *times))
    columns = ["model", "accelerator", "minimum number", "arithmetic", "decoding step", "bound", "prefill", "bound"]
    output.print_table(columns, rows)

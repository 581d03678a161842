"""The command `size`: parameters, operations, memory, traffic and rooflines of a model or a config.json."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

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
    from moe_kb.cli import output
    from moe_kb.errors import NotFoundError
    from moe_kb.sizing import UnsizedError
    from moe_kb.sizing import size as compute
    from moe_kb.sizing.lookup import devices
    from moe_kb.sizing.precision import FORMATS
    from moe_kb.sizing.report import Setting

    if weights not in FORMATS:
        raise click.BadParameter(f"{weights!r}; known: {', '.join(FORMATS)}", param_hint="--weights")
    setting = Setting(context, batch, expert_parallel, FORMATS[weights])
    kb = open_here()
    known = devices(kb, setting.weights)
    if unknown := set(accelerator) - {device.key for device in known}:
        raise NotFoundError(
            f"no accelerator {', '.join(sorted(unknown))} with the figures needed. "
            f"Known: {', '.join(sorted(device.key for device in known))}"
        )
    chosen = [device for device in known if not accelerator or device.key in accelerator]
    found: list[tuple[str, Size]] = []
    for name, architecture in _architectures(kb, model, configuration).items():
        try:
            found.append((name, compute(architecture, setting)))
        except UnsizedError as error:
            raise NotFoundError(f"{name} {error}") from None
    if as_json:
        told = [{"name": name, **one.as_dict(chosen)} for name, one in found]
        output.print_json(told[0] if len(told) == 1 else told)
        return
    for number, (name, one) in enumerate(found):
        if number:
            click.echo("")
        output.print_table(["", name], _lines(one))
        if number == len(found) - 1 and chosen:
            click.echo("")
            _print_devices(found, chosen)


def _architectures(kb: KnowledgeBase, model: str, configuration: str | None) -> dict[str, Architecture]:
    path = Path(model)
    if path.suffix == ".json" or path.is_file():
        from moe_kb.importing import read_config

        if configuration is not None:
            raise click.BadParameter("a config.json is one configuration", param_hint="--configuration")
        return {path.name: read_config(path.read_bytes(), source="file").architecture}
    from moe_kb.sizing.lookup import architectures

    key = model.removeprefix("model:")
    found = architectures(kb, key, configuration)
    return {f"{key} [{label}]": architecture for label, architecture in found.items()}


def _lines(one: Size) -> list[tuple[str, str]]:
    from moe_kb.sizing.parameters import PARTS
    from moe_kb.sizing.precision import FORMATS
    from moe_kb.sizing.report import SCOPE

    p, s, c = one.parameters, one.setting, one.cache
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
    if one.experts is not None:
        e = one.experts
        rows.append(
            ("experts", f"{e.chosen:g} of {e.routed:g} and {e.shared:g} shared in {e.layers} layers; "
             f"granularity {e.granularity:.3g}, sparsity {p.sparsity:.1%}")
        )  # fmt: skip
    rows += [
        (f"FLOPs a token, {phase} at {s.context:,}", f"{float(done.total):.4g} ({float(done.weights):.4g} of weights)")
        for phase, done in (("prefill", one.prefill), ("decode", one.decode))
    ]
    rows += [(f"weights in {f.label}", _bytes(one.weight_bytes(f))) for f in FORMATS.values()]
    windows = "".join(f" + {n:,} for each of the last {w:,}" for w, n in c.windows.items())
    source = f" + {c.per_source_token:,} for each source token" if c.per_source_token else ""
    rows.append(
        ("cache, numbers", f"{float(c.per_token):,g} a token{windows} + {c.fixed:,} fixed{source}")
    )  # fmt: skip
    rows.append((f"cache of {s.context:,} tokens in 16 bits", _bytes(one.cache_bytes)))
    if one.traffic is not None:
        t = one.traffic
        rows.append(
            (
                f"all-to-all on {t.expert_parallel} devices",
                f"{_bytes(float(t.merged) * s.cache_bytes)} a token and layer, "
                f"{_bytes(float(t.per_expert) * s.cache_bytes)} if sent once an expert",
            )
        )
    return rows


def _print_devices(found: list[tuple[str, Size]], chosen: list[Device]) -> None:
    from moe_kb.cli import output

    rows = []
    for name, one in found:
        for device in chosen:
            decode, prefill = one.on(device, "decode"), one.on(device, "prefill")
            rows.append(
                (name, device.name, one.devices(device), device.arithmetic, f"{decode.seconds * 1e3:.3g} ms",
                 decode.bound, f"{prefill.seconds * 1e3:.3g} ms", prefill.bound)
            )  # fmt: skip
    columns = ["model", "accelerator", "fewest to hold it", "arithmetic", "decoding step", "bound", "prefill", "bound"]
    output.print_table(columns, rows)


def _bytes(number: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.4g} {unit}"
    return f"{number:.0f} B"

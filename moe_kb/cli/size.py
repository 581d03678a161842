"""The command `size`: parameters, operations, memory, traffic, rooflines and deployments of models or files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from moe_kb.cli import output
from moe_kb.cli.root import app, json_flag, open_here

if TYPE_CHECKING:
    from moe_kb.kb import KnowledgeBase
    from moe_kb.records.architecture import Architecture
    from moe_kb.sizing.deployment import Plan
    from moe_kb.sizing.report import Device, Setting, Size
    from moe_kb.sizing.what_if import Sized


@app.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option("--configuration", "-c", help="Only this size of a model.")
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
@click.option(
    "--weights", default="as-released", show_default=True, help="Weight precision: as-released, bf16, mxfp4 ..."
)
@click.option("--cache", default="bf16", show_default=True, type=click.Choice(["bf16", "fp8"]), help="Of the KV cache.")
@click.option("--accelerator", multiple=True, help="Only these accelerators (by key); repeat it.")
@click.option("--deploy", is_flag=True, help="What serves them: devices in whole nodes, batch, bounds of the speed.")
@click.option(
    "--prompt", type=click.IntRange(1, 100_000_000), default=2048, show_default=True, help="Tokens of a prompt."
)
@click.option(
    "--reserve", type=click.IntRange(0, 99), default=10, show_default=True, help="Percent of memory kept free."
)
@click.option("--node", type=click.IntRange(1, 1024), default=8, show_default=True, help="Devices of a node.")
@click.option("--price", type=click.FloatRange(0, 1e9), help="Price of a device and hour, in any currency.")
@click.option(
    "--format", type=click.Choice(["table", "markdown", "latex", "csv"]), default="table", help="Form of the tables."
)
@json_flag
def size(
    models: tuple[str, ...],
    configuration: str | None,
    context: int,
    batch: int,
    expert_parallel: int,
    weights: str,
    cache: str,
    accelerator: tuple[str, ...],
    deploy: bool,
    prompt: int,
    reserve: int,
    node: int,
    price: float | None,
    format: str,
    as_json: bool,
) -> None:
    """Compute what models here, or any config.json, cost: parameters, operations, memory, traffic, rooflines.

    Example: moe-kb size deepseek-v3 gpt-oss -c 120b --deploy --accelerator h200-sxm
    """
    from moe_kb.errors import NotFoundError
    from moe_kb.sizing.cache import CACHE_FORMATS
    from moe_kb.sizing.precision import FORMATS
    from moe_kb.sizing.report import Setting
    from moe_kb.sizing.storage import AS_RELEASED

    if weights not in (AS_RELEASED, *FORMATS):
        known_formats = ", ".join((AS_RELEASED, *FORMATS))
        raise click.BadParameter(f"{weights!r}; known: {known_formats}", param_hint="--weights")
    setting = Setting(context, batch, expert_parallel, FORMATS.get(weights), CACHE_FORMATS[cache][0])
    kb = open_here()
    known = kb.devices(setting.weights)
    if unknown := set(accelerator) - {device.key for device in known}:
        raise NotFoundError(
            f"no accelerator {', '.join(sorted(unknown))} with the datasheet values needed. "
            f"Known: {', '.join(sorted(device.key for device in known))}"
        )
    chosen = [device for device in known if not accelerator or device.key in accelerator]
    found = _sized(kb, models, configuration, setting)
    if deploy:
        from fractions import Fraction

        from moe_kb.sizing.deployment import Plan

        _deployments(kb, found, chosen, Plan(prompt, Fraction(reserve, 100), node, price), format, as_json)
        return
    sizes = {sized.label: sized.size for sized in found}
    if as_json:
        data = [{"name": name, **size.as_dict(chosen)} for name, size in sizes.items()]
        output.print_json(data[0] if len(data) == 1 else data)
        return
    lines = {name: dict(_lines(size)) for name, size in sizes.items()}
    if format != "table":
        from moe_kb.exporters.tables_text import FORMS

        rows = list(dict.fromkeys(row for held in lines.values() for row in held))
        table = [[row, *(held.get(row) for held in lines.values())] for row in rows]
        click.echo(FORMS[format](["", *lines], table, kb.note), nl=False)
        return
    for number, (name, held) in enumerate(lines.items()):
        if number:
            click.echo("")
        output.print_table(["", name], list(held.items()))
    if chosen:
        click.echo("")
        _print_devices(sizes, chosen)


def _sized(kb: KnowledgeBase, models: tuple[str, ...], configuration: str | None, setting: Setting) -> list[Sized]:
    from moe_kb.errors import NotFoundError
    from moe_kb.sizing import UnsizedError
    from moe_kb.sizing.what_if import sized

    out = []
    for model in dict.fromkeys(models):
        found = _architectures(kb, model, configuration if len(models) == 1 else None)
        if len(models) > 1 and configuration is not None:
            # Of several models, the size is that of those that have it.
            found = {name: held for name, held in found.items() if name.endswith(f"[{configuration}]")} or found
        for name, architecture in found.items():
            try:
                out.append(sized(architecture, setting, key=name, label=name))
            except UnsizedError as error:
                raise NotFoundError(f"{name} {error}") from None
    return out


def _deployments(
    kb: KnowledgeBase, found: list[Sized], devices: list[Device], plan: Plan, format: str, as_json: bool
) -> None:
    """What serves each configuration on each device."""
    from moe_kb.analysis.deployments import answers, deployment_rows, quantities
    from moe_kb.exporters.tables_text import FORMS

    setting = found[0].size.setting
    served = [(device, answers(found, device, plan)) for device in devices]
    if as_json:
        output.print_json(
            [
                {"name": answer.sized.label, "accelerator": device.key}
                | (answer.found.as_dict() if answer.found else {"why": answer.why})
                for device, several in served
                for answer in several
            ]
        )
        return
    for number, (device, several) in enumerate(served):
        rows = deployment_rows(several, quantities(setting.context, setting.batch, plan))
        table = [list(row.values()) for row in rows]
        if number:
            click.echo("")
        if format == "table":
            output.print_table(["", *(answer.sized.label for answer in several)], table)
        else:
            note = f"{device.name}; {kb.note}"
            click.echo(FORMS[format]([device.name, *(answer.sized.label for answer in several)], table, note), nl=False)


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
    from moe_kb.sizing.communication import SENT_BYTES
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
    stored = size.stored
    own = "as released, " if s.weights is None else "in "
    assumed = f" (assumed: {stored.assumed})" if stored.assumed else ""
    rows.append((f"weights {own}{stored.label}", bytes_text(float(stored.total)) + assumed))
    rows += [
        (f"weights in {f.label}", bytes_text(size.weight_bytes(f))) for f in FORMATS.values() if f is not s.weights
    ]
    windows = "".join(f" + {n:,} for each of the last {w:,}" for w, n in c.windows.items())
    source = f" + {c.per_source_token:,} for each source token" if c.per_source_token else ""
    rows.append(("cache, numbers", f"{float(c.per_token):,g} a token{windows} + {c.fixed:,} fixed{source}"))
    bits = round(8 * s.cache_bytes)
    rows.append((f"cache of {s.context:,} tokens in {bits} bits", bytes_text(size.cache_bytes)))
    if size.traffic is not None:
        t = size.traffic
        merged, per_expert = (bytes_text(float(numbers) * SENT_BYTES) for numbers in (t.merged, t.per_expert))
        sent = f"{merged} a token and layer, {per_expert} if sent once an expert"
        rows.append((f"all-to-all on {t.expert_parallel} devices", sent))
    return rows


def _print_devices(sizes: dict[str, Size], chosen: list[Device]) -> None:
    rows = []
    for name, size in sizes.items():
        for device in chosen:
            roofs = [size.on(device, phase) for phase in ("decode", "prefill")]
            times = [text for roof in roofs for text in (f"{roof.seconds * 1e3:.3g} ms", roof.bound)]
            arithmetic = device.working_in(size.stored.main).arithmetic
            rows.append((name, device.name, size.devices(device), arithmetic, *times))
    columns = ["model", "accelerator", "minimum number", "arithmetic", "decoding step", "bound", "prefill", "bound"]
    output.print_table(columns, rows)

"""Pictures by the name of what they show: a gating design, a model's layers, or the lineage of all designs.

Names are those of records: `design:<key>`, `model:<key>`, `model:<key>#<label>` for one configuration, or a bare key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from moe_kb import queries
from moe_kb.db.reader import Reader
from moe_kb.errors import NotFoundError
from moe_kb.format import citation
from moe_kb.pictures import design, lineage
from moe_kb.pictures.poster import Panel
from moe_kb.pictures.poster import poster as sheet
from moe_kb.pictures.svg import Picture, Theme

if TYPE_CHECKING:
    from moe_kb.pictures.model import Subject

LINEAGE = "lineage"
Size = Literal["card", "page"]


def picture(reader: Reader, name: str, *, size: Size, theme: Theme, links: bool = False) -> Picture:
    """One picture; see `KnowledgeBase.picture`."""
    if name == LINEAGE:
        return lineage.draw(queries.lineage.lineage_of_all(reader), theme=theme, links=links)
    record = _full(reader, name)
    if record.startswith("model:"):
        return _model_panel(reader, record, wide=size == "page").picture(theme)
    gate = _gate(reader, record)
    return design.draw(gate, theme=theme) if size == "page" else design.card(gate).picture(theme)


def pictures(reader: Reader, names: Sequence[str], *, theme: Theme) -> list[Picture]:
    """Several of one kind, a card each; see `KnowledgeBase.pictures`."""
    panels = _panels(reader, _resolved(reader, names))
    return [panel.picture(theme) for panel in panels]


def poster(reader: Reader, names: Sequence[str], *, theme: Theme) -> Picture:
    """One or several of one kind as a sheet; see `KnowledgeBase.poster`."""
    if list(names) == [LINEAGE]:
        return picture(reader, LINEAGE, size="page", theme=theme)
    records = _resolved(reader, names)
    if len(records) == 1 and records[0].startswith("design:"):
        return design.draw(_gate(reader, records[0]), theme=theme)  # it says its name and its sources
    panels = _panels(reader, records) if len(records) > 1 else [_model_panel(reader, records[0], wide=True)]
    return sheet(panels, _notes(records), theme=theme)


def _notes(records: Sequence[str]) -> list[str]:
    """What stands under a sheet."""
    if records[0].startswith("model:"):
        from moe_kb.pictures.model import COMPARED, NOTES
    else:
        from moe_kb.pictures.design import COMPARED, NOTES
    return [*NOTES, *(COMPARED if len(records) > 1 else ())]


def _model_panel(reader: Reader, name: str, *, wide: bool) -> Panel:
    from moe_kb.pictures.model import panel  # record types: half a second, only where a model is drawn

    return panel(_subject(reader, name), wide=wide)


def _panels(reader: Reader, records: Sequence[str]) -> list[Panel]:
    """Cards, with what differs lit."""
    kinds = {record.partition(":")[0] for record in records}
    if len(kinds) != 1:
        raise NotFoundError(f"pictures beside each other are of one kind, not {' and '.join(sorted(kinds))}.")
    if kinds == {"model"}:
        from moe_kb.pictures.model import panels

        return panels([_subject(reader, record) for record in records])
    return design.cards([_gate(reader, record) for record in records])


def _resolved(reader: Reader, names: Sequence[str]) -> list[str]:
    """Full names, with the label of a configuration after `#`; a bare key is that of a design, else of a model."""
    if not names:
        raise NotFoundError("no picture is named. Give designs, or models.")
    return [_full(reader, name) for name in names]


def _full(reader: Reader, name: str) -> str:
    asked, mark, label = name.partition("#")
    if asked == LINEAGE:
        raise NotFoundError(f"{LINEAGE} is a sheet of its own. Ask for it alone.")
    if ":" in asked:
        return queries.resolve.resolve_record(reader, asked) + mark + label
    try:
        return queries.resolve.resolve_record(reader, asked, "design") + mark + label
    except NotFoundError as error:
        missing = error
    try:
        return queries.resolve.resolve_record(reader, asked, "model") + mark + label
    except NotFoundError as error:
        raise missing if missing.close or not error.close else error from None


def _gate(reader: Reader, record: str) -> design.Subject:
    """A gating design with its properties."""
    name = queries.designs.gate_name(reader, record)
    if name is None:
        raise NotFoundError(
            f"{record} has no picture. Gating designs have one, and models whose layers are described. Or: {LINEAGE}."
        )
    sources = {key: source.name for key, source in queries.records.sources(reader).items()}
    return design.Subject(name, tuple(queries.designs.properties(reader, record)), sources)


def _subject(reader: Reader, name: str) -> Subject:
    """A configuration of a model, or the first whose layers are described."""
    from moe_kb.pictures.model import Subject

    record, _, chosen = name.partition("#")
    label, architecture = next(iter(queries.sizes.architectures(reader, record, chosen or None).items()))
    source = queries.records.sources(reader).get(architecture.source)
    return Subject(
        f"{queries.records.brief(reader, record).name} {label}",
        architecture,
        citation(source.name if source else architecture.source, architecture.locator, architecture.status),
        {brief.key: brief.name for brief in queries.records.briefs(reader, "design")},
    )

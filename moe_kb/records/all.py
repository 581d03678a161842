"""Every record type, and which kind of record each one is."""

# ruff: noqa: F401  all of them are offered by `moe_kb.records`

from moe_kb.records.accelerator import Accelerator, Bandwidth, Figure, Interconnect, Memory, Peak, Precision
from moe_kb.records.architecture import Architecture, LayerGroup, Stack
from moe_kb.records.base import Citation, Kind, Note, Placement, Provenance, Record, Relation, Resolution, SourcedValue
from moe_kb.records.design import Algorithm, Design, Equation, GatingProperties, Sourced, Usage
from moe_kb.records.glossary import Glossary, Term
from moe_kb.records.guide import Guide, GuideCondition
from moe_kb.records.model import Configuration, Model
from moe_kb.records.organisation import Organisation, Organisations
from moe_kb.records.paper import Paper, PaperIds, PaperLinks
from moe_kb.records.route import Route, Routes, Stop
from moe_kb.records.short_form import ShortForm, ShortForms
from moe_kb.records.source import Source
from moe_kb.records.sublayers import Attention, Mixture
from moe_kb.records.system import System
from moe_kb.records.table import AlignedConfig, AlignedRow, Alignment, Column, Mark, Row, Table
from moe_kb.records.taxonomy import Crosswalk, CrosswalkMapping, Node, Taxonomy
from moe_kb.records.waiver import Waiver, Waivers

RECORD_TYPES: dict[str, type[Record]] = {
    record_type.KIND: record_type for record_type in (Paper, Design, Model, System, Accelerator, Source, Table)
}

"""The database's tables and views as SQLModel classes: a typed way to ask, read-only.

    from sqlmodel import select
    from moe_kb.tables import Design

    with moe_kb.open().session() as session:
        recent = session.exec(select(Design).where(Design.year >= 2024)).all()

Columns are described in the data dictionary (`SELECT * FROM dictionary`). Importing this module imports SQLAlchemy,
which nothing that answers a question on the command line does.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import declared_attr
from sqlmodel import SQLModel

from moe_kb.db.schema import *  # noqa: F403  the tables; what follows are the views
from moe_kb.db.schema import TABLES, Address, File, FoldedName, Word


class View(SQLModel):
    """Base of all views. A view has no key of its own, so a row is told from another by all of its columns."""

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"primary_key": list(cls.__table__.c)}  # type: ignore[attr-defined]


class ClaimCounted(View, table=True):
    """Claims, each once: what a source says twice stands here once."""

    __tablename__ = "claims_counted"
    id: int
    record: str
    subject: str
    configuration: str | None
    field: str
    value: str
    number: float | None
    printed: str | None
    unit: str | None
    status: str
    counting: str | None
    scope: str | None
    setting: str | None
    source: str
    locator: str | None
    table_row: str | None
    note: str | None
    preferred: bool


class PaperWithPlacement(View, table=True):
    """Papers with every place a survey gives them."""

    __tablename__ = "papers_with_placements"
    key: str
    record: str
    name: str
    title: str
    year: int
    venue: str | None
    arxiv: str | None
    taxonomy: str
    node: str
    node_label: str
    printed_as: str | None
    source: str
    locator: str


class GatingDesignCompared(View, table=True):
    """Gating designs side by side: one row a design, one column a typed property."""

    __tablename__ = "gating_designs_compared"
    key: str
    record: str
    name: str
    year: int | None
    chooser: str | None
    experts_per_token: str | None
    k: str | None
    score: str | None
    order: str | None
    renormalised: str | None
    second_choice: str | None
    noise: str | None
    selection_bias: str | None
    granularity: str | None
    trainable: str | None
    differentiable: str | None
    autoregressive_safe: str | None
    capacity_train: str | None
    capacity_eval: str | None
    overflow: str | None
    groups: str | None
    shared_experts: str | None
    null_experts: str | None
    balancing: str | None
    cost_per_token: str | None
    train_inference_difference: str | None
    implementation: str | None


class ModelByRouter(View, table=True):
    """Which models and papers use which router, and who says so."""

    __tablename__ = "models_by_router"
    design: str
    design_name: str
    user_kind: str
    user: str
    user_name: str
    year: int | None
    roles: str
    sources: str
    only_inferred: int


class Hyperparameters(View, table=True):
    """Preferred hyperparameters: one row a configuration; the sources of each value are in claims."""

    __tablename__ = "hyperparameters"
    model: str
    record: str
    name: str
    configuration: str
    organisation: str | None
    released: str | None
    openness: str | None
    params_total: float | None
    params_active: float | None
    n_layers: float | None
    n_moe_layers: float | None
    d_model: float | None
    d_ffn: float | None
    d_expert: float | None
    n_heads: float | None
    n_kv_heads: float | None
    d_head: float | None
    n_routed_experts: float | None
    n_shared_experts: float | None
    experts_per_token: float | None
    n_experts_total: float | None
    n_experts_active: float | None
    vocab_size: float | None
    context_length: float | None
    supported_context: float | None
    activation: str | None
    moe_placement: str | None
    tied_embeddings: str | None
    router: str | None


class OpenDisagreement(View, table=True):
    """Disagreements between sources that no note has closed yet."""

    __tablename__ = "open_disagreements"
    kind: str
    subject: str
    configuration: str | None
    field: str
    setting: str | None
    values_seen: str


class TimelineEntry(View, table=True):
    """Models of the surveys' timelines, as drawn there, with the record each is about."""

    __tablename__ = "timeline"
    timeline: str
    row: str
    label: str
    released: str
    openness: str
    domain: str
    organisation: str | None
    subject: str


class Score(View, table=True):
    """Benchmark scores with their settings and sources."""

    __tablename__ = "scores"
    subject: str
    name: str
    configuration: str
    benchmark: str
    score: float
    unit: str
    setting: str
    source: str
    locator: str


class DesignWithoutImplementation(View, table=True):
    """Gating designs that cannot be run yet."""

    __tablename__ = "designs_without_implementation"
    key: str
    record: str
    name: str
    year: int | None


class SourceByUse(View, table=True):
    """Sources with the number of claims they make and of records that cite them anywhere."""

    __tablename__ = "sources_by_use"
    key: str
    record: str
    name: str
    type: str
    url: str | None
    claims: int
    records: int


#: All but what only serves refreshing and search.
_INTERNAL = (Address, File, FoldedName, Word)
__all__ = [declared.__name__ for declared in (*TABLES, *View.__subclasses__()) if declared not in _INTERNAL]

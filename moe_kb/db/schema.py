"""The tables. Descriptions here become the data dictionary that ships inside the database.

Records (pydantic) validate; these tables only store. SQLModel with `table=True` does not validate, which is why the
two are different classes. Table and column names are plain enough to be guessed in a query.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.types import UserDefinedType
from sqlmodel import Field, SQLModel

#: Text that is compared, sorted and indexed without regard to case (of ASCII letters).
ANY_CASE = String(collation="NOCASE")


class Number(UserDefinedType[float]):
    """A number that SQLite keeps as an integer where it is whole: 35 layers are 35, not 35.0."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Its type in SQL."""
        return "NUMERIC"


class Table(SQLModel):
    """Base of all tables."""


class Numbered(Table):
    """Base of tables whose rows are told apart by a number."""

    id: int | None = Field(default=None, primary_key=True, description="Row id")


class Meta(Table, table=True):
    """Facts about this database: schema version, content hash, when and by what it was built."""

    __tablename__ = "meta"
    key: str = Field(primary_key=True, description="Name of the fact")
    value: str = Field(description="Its value")


class Dictionary(Table, table=True):
    """The data dictionary: every table, view and column with its meaning."""

    __tablename__ = "dictionary"
    table_name: str = Field(primary_key=True, description="Table or view")
    column_name: str = Field(primary_key=True, description="Column; empty for the table itself")
    kind: str = Field(description="table or view")
    type: str = Field(description="SQL type of the column")
    description: str = Field(description="What it means")


class File(Table, table=True):
    """Files the database was built from."""

    __tablename__ = "files"
    path: str = Field(primary_key=True, description="Path relative to the tree")
    size: int = Field(description="Bytes")
    mtime_ns: int = Field(description="Time of last change, nanoseconds")
    sha256: str = Field(description="Hash of the contents")
    record: str | None = Field(default=None, index=True, description="Full name of the record it holds")


class Record(Table, table=True):
    """Every record, whole, as JSON."""

    __tablename__ = "records"
    id: int | None = Field(default=None, primary_key=True, description="Row id; also the rowid in the search tables")
    record: str = Field(unique=True, description="Full name, kind:key")
    kind: str = Field(index=True, description="paper, design, model, system, accelerator, source or table")
    key: str = Field(index=True, description="Key within its kind")
    name: str = Field(sa_type=ANY_CASE, index=True, description="Name people use; compared without regard to case")
    year: int | None = Field(default=None, index=True, description="Year it became public or was published")
    summary: str | None = Field(default=None, description="Summary in our own words")
    superseded_by: str | None = Field(default=None, description="Full name of the record that replaces it")
    path: str = Field(description="File it was read from")
    content: str = Field(description="The whole record as JSON, defaults left out")


class Alias(Numbered, table=True):
    """Other names of records."""

    __tablename__ = "aliases"
    record: str = Field(index=True, description="Full name of the record")
    alias: str = Field(sa_type=ANY_CASE, index=True, description="The other name; compared without regard to case")


class FoldedName(Table, table=True):
    """Every name of every record (name, key, other names), folded, so that however a name is written it is found."""

    __tablename__ = "folded_names"
    record: str = Field(primary_key=True, description="Full name of the record")
    folded: str = Field(
        primary_key=True, index=True, description="The name without case, accents, spaces and punctuation"
    )


class Identifier(Numbered, table=True):
    """Identifiers that only one record may have."""

    __tablename__ = "identifiers"
    record: str = Field(index=True, description="Full name of the record")
    scheme: str = Field(description="arxiv, doi, openreview, acl or title")
    value: str = Field(index=True, description="The identifier; titles are normalised")


class Address(Table, table=True):
    """What the identifiers and addresses that a record gives identify, so that a pasted address finds it."""

    __tablename__ = "addresses"
    record: str = Field(primary_key=True, description="Full name of the record")
    address: str = Field(
        primary_key=True, index=True, description="Scheme and value, e.g. arxiv 2401.04088 or url github.com/owner/name"
    )


class Word(Table, table=True):
    """Words of the search index as they are written, from which questions are respelt."""

    __tablename__ = "words"
    word: str = Field(primary_key=True, description="The word in small letters without accents")
    records: int = Field(description="Number of records that have it")


class ShortForm(Table, table=True):
    """Ways to write the same thing that search takes for each other: short forms, and names of organisations."""

    __tablename__ = "short_forms"
    folded: str = Field(primary_key=True, description="The form without case, accents, spaces and punctuation")
    term: str = Field(primary_key=True, index=True, description="What it stands for")
    form: str = Field(description="The form as written")


class RecordReference(Numbered, table=True):
    """Every reference of one record to another record or a taxonomy node, citations of sources included."""

    __tablename__ = "record_references"
    record: str = Field(index=True, description="Full name of the record that refers")
    target: str = Field(index=True, description="What it refers to: kind:key, or node:taxonomy:path")


class Paper(Table, table=True):
    """Papers."""

    __tablename__ = "papers"
    key: str = Field(primary_key=True, description="Key")
    record: str = Field(unique=True, description="Full name: paper:key")
    name: str = Field(description="Short name")
    title: str = Field(description="Full title")
    year: int = Field(index=True, description="Year it first became public, as in records")
    published: int = Field(description="Year of publication as its reference gives it")
    date: str | None = Field(default=None, description="When it first became public")
    venue: str | None = Field(default=None, description="Where it appeared")
    authors: str = Field(description="Authors as printed, separated by '; '")
    scope: str = Field(description="core, background, survey, tooling or neighbour")
    arxiv: str | None = Field(default=None, index=True, description="arXiv identifier")
    doi: str | None = Field(default=None, description="DOI")
    url: str | None = Field(default=None, description="Where it can be read")
    code_url: str | None = Field(default=None, description="Where its code is")
    project_url: str | None = Field(default=None, description="Its home page")
    summary: str | None = Field(default=None, description="Summary in our own words")


class Author(Numbered, table=True):
    """Authors of papers, one a row."""

    __tablename__ = "authors"
    __table_args__ = (Index("ix_authors_family_given", "family", "given"),)
    record: str = Field(index=True, description="Full name of the paper")
    position: int = Field(description="Position, from 1")
    author: str = Field(sa_type=ANY_CASE, index=True, description="Name as printed; compared without regard to case")
    family: str = Field(description="Family name, or a group's name, in small letters without accents")
    given: str = Field(description="Given names and initials in the same letters, separated by spaces")


class Taxonomy(Table, table=True):
    """Taxonomies."""

    __tablename__ = "taxonomies"
    key: str = Field(primary_key=True, description="Key")
    name: str = Field(description="Name")
    description: str = Field(description="How it orders the field")
    source: str = Field(description="Source that prints it")
    locator: str | None = Field(default=None, description="Place in the source")


class Node(Table, table=True):
    """Nodes of the taxonomies; the root of each has the empty id."""

    __tablename__ = "nodes"
    taxonomy: str = Field(primary_key=True, description="Taxonomy")
    node: str = Field(primary_key=True, description="Path of the node; empty for the root")
    parent: str | None = Field(default=None, description="Path of its parent; none for the root")
    label: str = Field(description="Label as printed")
    level: int = Field(description="0 for the root")
    position: int = Field(description="Printed order")
    leaf: bool = Field(description="Whether it has no children")
    description: str | None = Field(default=None, description="What it means, in our own words")
    locator: str | None = Field(default=None, description="Where the source explains it")


class NodeAncestor(Table, table=True):
    """Which nodes lie under which: every node with itself and all nodes above it."""

    __tablename__ = "node_ancestors"
    taxonomy: str = Field(primary_key=True, description="Taxonomy")
    node: str = Field(primary_key=True, description="Node")
    ancestor: str = Field(primary_key=True, index=True, description="The node itself or one above it")


class CrosswalkMapping(Numbered, table=True):
    """Nodes of one taxonomy compared with nodes of another."""

    __tablename__ = "mappings"
    subject: str = Field(description="Node, taxonomy:path")
    relation: str = Field(description="same-as, broader (subject is broader), narrower or related")
    object: str = Field(description="Node it is compared with")
    reason: str = Field(description="Why")


class Placement(Numbered, table=True):
    """Where sources place records in taxonomies."""

    __tablename__ = "placements"
    record: str = Field(index=True, description="Full name of the record")
    taxonomy: str = Field(description="Taxonomy")
    node: str = Field(index=True, description="Node")
    printed_as: str | None = Field(default=None, description="Name or names printed there, separated by '; '")
    status: str = Field(description="reported, or derived where we placed it by what the source says of it")
    source: str = Field(description="Source that places it")
    locator: str | None = Field(default=None, description="Place in the source")


class PrintedName(Table, table=True):
    """Names that sources print for what they place in taxonomies, folded, so that like names meet."""

    __tablename__ = "printed_names"
    record: str = Field(primary_key=True, description="Full name of the record")
    source: str = Field(primary_key=True, description="Source that prints it")
    folded: str = Field(
        primary_key=True, index=True, description="The name without case, accents, spaces and punctuation"
    )


class Design(Table, table=True):
    """Designs: gating functions, losses, experts, parameter-efficient mixtures, schemes, system techniques."""

    __tablename__ = "designs"
    key: str = Field(primary_key=True, description="Key")
    record: str = Field(unique=True, description="Full name: design:key")
    name: str = Field(description="Name")
    component: str = Field(index=True, description="gating, loss, expert, peft, scheme, system or application")
    year: int | None = Field(default=None, description="Year of the work that introduces it")
    summary: str | None = Field(default=None, description="Summary in our own words")
    implementation: str | None = Field(default=None, description="Key of a runnable implementation")


class DesignProperty(Numbered, table=True):
    """Typed properties of gating designs, one a row, each with its source."""

    __tablename__ = "design_properties"
    record: str = Field(index=True, description="Full name of the design")
    property: str = Field(index=True, description="Name of the property")
    value: str = Field(description="Its value")
    status: str = Field(description="reported or derived")
    note: str | None = Field(default=None, description="Condition or detail")
    source: str = Field(description="Source")
    locator: str | None = Field(default=None, description="Place in the source")


class Equation(Numbered, table=True):
    """Equations of designs."""

    __tablename__ = "equations"
    record: str = Field(index=True, description="Full name of the design")
    position: int = Field(description="Order within the design, from 1")
    label: str = Field(description="What it defines")
    latex: str = Field(description="LaTeX")
    legend: str = Field(description="JSON object: symbol to meaning")
    source: str = Field(description="Source")
    locator: str | None = Field(default=None, description="Place in the source")


class Usage(Numbered, table=True):
    """Who introduces, uses, modifies or studies a design."""

    __tablename__ = "usages"
    record: str = Field(index=True, description="Full name of the design")
    by: str = Field(index=True, description="Full name of the user")
    role: str = Field(description="introduces, uses, modifies or studies")
    term: str | None = Field(default=None, description="Loss term")
    coefficient: float | None = Field(default=None, description="Loss coefficient stated for this user")
    status: str = Field(description="reported or derived")
    source: str = Field(description="Source")
    locator: str | None = Field(default=None, description="Place in the source")
    note: str | None = Field(default=None, description="Details")


class Model(Table, table=True):
    """Models. Values from several sources are in `claims`; the preferred ones in the view `hyperparameters`."""

    __tablename__ = "models"
    key: str = Field(primary_key=True, description="Key")
    record: str = Field(unique=True, description="Full name: model:key")
    name: str = Field(description="Name")
    organisation: str | None = Field(default=None, description="Who made it")
    released: str | None = Field(default=None, description="When it became public")
    openness: str | None = Field(default=None, description="open or closed")
    domain: str | None = Field(default=None, description="Field of use")
    licence: str | None = Field(default=None, description="Licence of the weights")
    n_configurations: int = Field(description="Number of sizes")


class Configuration(Numbered, table=True):
    """Sizes of models."""

    __tablename__ = "configurations"
    record: str = Field(index=True, description="Full name of the model")
    label: str = Field(description="Label of the size")
    position: int = Field(description="Order within the model, from 1")
    source: str | None = Field(default=None, description="Source of the architecture, if one is described")
    released_config: bool = Field(description="Whether the architecture comes from a released config.json")
    architecture: str | None = Field(default=None, description="The architecture as JSON")


class Claim(Numbered, table=True):
    """Every value that a source gives for a field of something."""

    __tablename__ = "claims"
    record: str = Field(index=True, description="Full name of the record whose file states the claim")
    subject: str = Field(index=True, description="Full name of what the claim is about")
    configuration: str | None = Field(default=None, description="Configuration, or other part of the subject")
    field: str = Field(index=True, description="What is claimed")
    value: str = Field(description="The value as text; lists as JSON")
    number: float | None = Field(
        default=None, sa_type=Number, description="The value, where it is a number; to divide two, write 1.0 * a / b"
    )
    printed: str | None = Field(default=None, description="As the source prints it")
    unit: str | None = Field(default=None, description="Unit")
    status: str = Field(description="reported, derived, estimated or unknown")
    counting: str | None = Field(default=None, description="incl-shared, excl-shared or unclear")
    scope: str | None = Field(default=None, description="What the number covers")
    setting: str | None = Field(default=None, description="Condition of a measurement, e.g. 5-shot")
    source: str = Field(index=True, description="Source")
    locator: str | None = Field(default=None, description="Place in the source")
    table_row: str | None = Field(default=None, index=True, description="table#row, for claims of a transcribed table")
    note: str | None = Field(default=None, description="Why it is derived, or what to beware of")
    identifier: str | None = Field(
        default=None, index=True, description="What an identifier or address identifies, e.g. arxiv 2401.04088"
    )
    preferred: bool = Field(default=False, description="Whether it is the preferred value")
    repeats: bool = Field(default=False, description="Whether a claim of the same source says the same already")


class Disagreement(Numbered, table=True):
    """Fields for which two sources' values do not agree, and other doubts."""

    __tablename__ = "disagreements"
    kind: str = Field(
        description="values (they differ), counting (unclear) or note (a resolving note that settles nothing)"
    )
    subject: str = Field(index=True, description="Full name of what the claims are about")
    configuration: str | None = Field(default=None, description="Configuration, or other configuration")
    field: str = Field(description="The field in dispute")
    setting: str | None = Field(default=None, description="Condition of a measurement")
    claims: str = Field(description="JSON list of claim ids, preferred first")
    values_seen: str = Field(description="The different values with their sources")
    resolved: bool = Field(description="Whether a resolving note closes it")
    reason: str | None = Field(default=None, description="The resolving note's reason, with its source")


class Waiver(Table, table=True):
    """Issues of the audit that somebody has looked into; the issues themselves are computed on demand."""

    __tablename__ = "waivers"
    issue: str = Field(primary_key=True, description="Id of the issue")
    reason: str = Field(description="Why it stands")
    source: str = Field(description="Source of the reason")
    locator: str | None = Field(default=None, description="Place in the source")


class Organisation(Table, table=True):
    """Spellings of organisations' names, each with the one name that is shown; claims keep what was printed."""

    __tablename__ = "organisations"
    spelling: str = Field(primary_key=True, description="A name that records or sources use")
    name: str = Field(description="The name that is shown")


class Term(Table, table=True):
    """The glossary: terms of the field in our own words."""

    __tablename__ = "glossary"
    term: str = Field(primary_key=True, description="The term")
    short: str = Field(description="JSON list of short forms and other spellings")
    definition: str = Field(description="What it means, in our own words")
    see: str = Field(description="JSON list of records and nodes (node:taxonomy:path) that show it")
    source: str = Field(description="Where its meaning was read")
    locator: str | None = Field(default=None, description="Place in the source")


class Route(Numbered, table=True):
    """Reading routes."""

    __tablename__ = "routes"
    key: str = Field(unique=True, description="Its name in addresses")
    title: str = Field(description="What it is called")
    about: str = Field(description="For whom it is, and where it leads")


class RouteStop(Numbered, table=True):
    """Works on reading routes, in reading order."""

    __tablename__ = "route_stops"
    route: str = Field(index=True, description="Key of the route")
    position: int = Field(description="Place on the route, from 1")
    work: str = Field(description="Full name of a paper, design or model")
    why: str = Field(description="Why it stands here, in our own words")
    source: str = Field(description="Where the reason was read")
    locator: str | None = Field(default=None, description="Place in the source")


class GuideAnswer(Numbered, table=True):
    """Questions of the guide to a router, one row an answer, in order."""

    __tablename__ = "guide_answers"
    question: str = Field(description="Key of the question")
    short: str = Field(description="The question in a word or two")
    asked: str = Field(description="The question in full")
    help: str | None = Field(default=None, description="What hangs on it")
    answer: str = Field(description="Key of the answer")
    label: str = Field(description="The answer as it is read")


class GuideRule(Numbered, table=True):
    """What follows from answers to the guide's questions, in order."""

    __tablename__ = "guide_rules"
    key: str = Field(unique=True, description="Key of the rule")
    when: str = Field(description="JSON: each question with the answers one of which must be given; empty: always")
    effect: str = Field(description="require, prefer or avoid")
    any_of: str = Field(description="JSON list of conditions on typed properties, one of which is enough")
    refuted_by: str = Field(description="JSON list of conditions that show, where none of any_of holds, that none can")
    label: str = Field(description="What is asked of a design")
    reason: str = Field(description="Why")
    cites: str = Field(description="JSON list of sources and locators")


class System(Table, table=True):
    """Frameworks and libraries."""

    __tablename__ = "systems"
    key: str = Field(primary_key=True, description="Key")
    record: str = Field(unique=True, description="Full name: system:key")
    name: str = Field(description="Name")
    organisation: str | None = Field(default=None, description="Who makes it")
    repository: str | None = Field(default=None, description="Where its code is")
    licence: str | None = Field(default=None, description="Its licence")
    summary: str | None = Field(default=None, description="Summary in our own words")


class Accelerator(Table, table=True):
    """Devices that models run on, with the figures of their sheets; each figure is also a claim with its source."""

    __tablename__ = "accelerators"
    key: str = Field(primary_key=True, description="Key")
    record: str = Field(unique=True, description="Full name: accelerator:key")
    name: str = Field(description="Name")
    organisation: str | None = Field(default=None, description="Who makes it")
    released: str | None = Field(default=None, description="When it was announced or sold")
    memory_capacity: int | None = Field(default=None, description="Memory, bytes")
    memory_bandwidth: int | None = Field(default=None, description="Rate of the memory, bytes/s")
    interconnect_bandwidth: int | None = Field(default=None, description="Rate between devices as printed, bytes/s")
    interconnect_direction: str | None = Field(default=None, description="one-way, both-ways (their sum) or unstated")
    interconnect_one_way: int | None = Field(default=None, description="Bytes/s in one direction, where it is stated")
    interconnect_link: str | None = Field(default=None, description="What the links are called")
    peak_fp32_vector: int | None = Field(default=None, description="Peak of the vector units in fp32, FLOP/s")
    peak_fp16_vector: int | None = Field(default=None, description="Peak of the vector units in fp16, FLOP/s")
    peak_bf16_vector: int | None = Field(default=None, description="Peak of the vector units in bf16, FLOP/s")
    peak_fp32: int | None = Field(default=None, description="Dense peak of the matrix units in fp32, FLOP/s")
    peak_tf32: int | None = Field(default=None, description="Dense peak in tf32, FLOP/s")
    peak_fp16: int | None = Field(default=None, description="Dense peak in fp16, FLOP/s")
    peak_bf16: int | None = Field(default=None, description="Dense peak in bf16, FLOP/s")
    peak_fp8: int | None = Field(default=None, description="Dense peak in fp8, FLOP/s")
    peak_fp6: int | None = Field(default=None, description="Dense peak in fp6, FLOP/s")
    peak_fp4: int | None = Field(default=None, description="Dense peak in fp4, FLOP/s")
    peak_int8: int | None = Field(default=None, description="Dense peak in int8, operations/s")
    peak_int4: int | None = Field(default=None, description="Dense peak in int4, operations/s")
    summary: str | None = Field(default=None, description="Summary in our own words")


class Source(Table, table=True):
    """Sources that values cite."""

    __tablename__ = "sources"
    key: str = Field(primary_key=True, description="Key")
    record: str = Field(unique=True, description="Full name: source:key")
    name: str = Field(description="Short name")
    title: str = Field(description="Full title or description")
    type: str = Field(
        description="config, count, paper, model-card, documentation, survey, repository, list, page, run"
    )
    url: str | None = Field(default=None, description="Where it can be seen")
    paper: str | None = Field(default=None, description="Key of the paper record, if it is one")
    version: str | None = Field(default=None, description="Version or commit")
    date: str | None = Field(default=None, description="Its own date")


class TableRow(Numbered, table=True):
    """Rows of transcribed tables, with the record each is about."""

    __tablename__ = "table_rows"
    record: str = Field(index=True, description="Full name of the table")
    row: str = Field(description="Row identifier")
    label: str = Field(description="What the row is about, as printed")
    cells: str = Field(description="JSON object: column to what is printed")
    subject: str | None = Field(
        default=None, index=True, description="Full name of what the row is about, by the alignment file"
    )
    configuration: str | None = Field(default=None, description="Its configuration")
    reason: str | None = Field(default=None, description="Why it has no subject, or why this one")


class Edge(Numbered, table=True):
    """The typed graph: relations, usages, placements, papers of models and systems, implementations."""

    __tablename__ = "edges"
    record: str = Field(index=True, description="Full name of the record whose file states the edge")
    head: str = Field(index=True, description="Where it starts: kind:key, node:taxonomy:path or implementation:key")
    type: str = Field(description="Type of the edge, e.g. extends, introduces, uses, placed-in, is-a, described-by")
    tail: str = Field(index=True, description="Where it ends")
    status: str = Field(description="reported or derived")
    source: str | None = Field(default=None, description="Source of the edge")
    locator: str | None = Field(default=None, description="Place in the source")
    note: str | None = Field(default=None, description="What it consists of")


class Implementation(Table, table=True):
    """Runnable implementations that were installed when the database was built."""

    __tablename__ = "implementations"
    key: str = Field(primary_key=True, description="Key in the laboratory's catalogue")
    name: str = Field(description="Name")
    status: str = Field(description="complete or partial")
    designs: str = Field(description="Keys of the designs, separated by '; '")
    summary: str = Field(description="One line")
    verified_against: str = Field(description="What it was checked against")
    snippet: str | None = Field(default=None, description="Python that makes its layer and calls it")
    code: str = Field(description="JSON list of its own files, each with name and text")


class ResultRun(Table, table=True):
    """Runs in which implementations were compared, as their packages carry them: what, how, where, with what."""

    __tablename__ = "result_runs"
    run: str = Field(primary_key=True, description="protocol/implementation/seed")
    implementation: str = Field(index=True, description="Key of the implementation, or of a control")
    task: str = Field(description="What was learnt")
    protocol: str = Field(description="What was held equal, by name and version")
    comparison: str = Field(description="matched in active parameters, unmatched, or control")
    why: str | None = Field(default=None, description="Why it could not be matched")
    causal: str = Field(description="Whether later tokens leave earlier outputs alone")
    headline: str = Field(description="Metric by which designs are compared")
    higher_is_better: bool = Field(description="Which way it counts")
    score: float | None = Field(default=None, description="Its value at the end; empty for a run that failed")
    seed: int = Field(description="Seed; runs of one seed saw the same data")
    seconds: float = Field(description="Wall-clock seconds")
    cpu_seconds: float = Field(description="Processor seconds")
    params_total: int = Field(description="Parameters")
    params_active: int | None = Field(default=None, description="Parameters that a token uses")
    params_active_non_embedding: int | None = Field(default=None, description="The same without embedding and head")
    config: str = Field(description="All settings, as JSON")
    loads: str = Field(description="Share of assignments of each expert, by layer, as JSON")
    error: str | None = Field(default=None, description="Why the run failed")
    made_date: str = Field(description="Date of the run")
    made_commit: str = Field(description="Commit of the implementations; + where files differed from it")
    made_python: str = Field(description="Version of Python")
    made_torch: str = Field(description="Version of torch")
    made_reference_impls: str = Field(description="Version of the implementations")
    made_cpu: str = Field(description="Processor and number of cores")
    made_threads: int = Field(description="Threads of the run")


class Result(Numbered, table=True):
    """What runs of comparisons measured."""

    __tablename__ = "results"
    run: str = Field(index=True, description="The run in result_runs")
    metric: str = Field(description="Name of the metric; curve is the headline metric on the way")
    step: int | None = Field(default=None, description="Optimiser step of a value on the way; empty at the end")
    value: float = Field(description="The value")


#: In the order in which they stand here.
TABLES: tuple[type[Table], ...] = tuple(
    value
    for value in vars().values()
    if isinstance(value, type) and issubclass(value, Table) and hasattr(value, "__table__")
)

#: Tables whose rows belong to one record, which their column `record` names.
OWNED = tuple(str(table.__tablename__) for table in TABLES if "record" in table.model_fields and table is not File)

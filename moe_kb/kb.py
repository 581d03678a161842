"""`KnowledgeBase`: the one object through which the app, the command line, tests and notebooks do everything."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast

from moe_kb import queries
from moe_kb.db.connect import DAMAGED, connect, read_meta
from moe_kb.db.manifest import is_current
from moe_kb.db.reader import Reader
from moe_kb.errors import CheckFailedError, DatabaseError, NotFoundError
from moe_kb.format import citation
from moe_kb.paths import default_database, find_root

if TYPE_CHECKING:
    import networkx as nx
    from sqlmodel import Session

    from moe_kb.analysis.guide import Advice
    from moe_kb.analysis.leaderboard import Leaderboard
    from moe_kb.analysis.survey_questions import Answer
    from moe_kb.analysis.trade_offs import TradeOffs
    from moe_kb.analysis.trend_findings import TrendFinding
    from moe_kb.analysis.trends import Observation, Trend
    from moe_kb.audit.issue import Issue
    from moe_kb.claims.claim import Claim
    from moe_kb.db.build import BuildReport, Progress
    from moe_kb.db.claims import Disagreement
    from moe_kb.db.console import QueryResult
    from moe_kb.db.search import Hit
    from moe_kb.exporters.citations import Support
    from moe_kb.pictures.named import Size
    from moe_kb.pictures.svg import Picture, Theme
    from moe_kb.records import Accelerator, Architecture, Design, Model, Paper, Record, Source, System, Table
    from moe_kb.sizing import Device
    from moe_kb.sizing.precision import WeightFormat

#: Of what SQLite says over a damaged file, and not over a wrong query.
_DAMAGE = ("malformed", "not a database", "Could not decode")
SELF = "moe-kb"  # the name under which this knowledge base itself is cited
P = ParamSpec("P")
T = TypeVar("T")


class KnowledgeBase:
    """A read-only view of a built database.

    Use `moe_kb.open()` rather than the constructor: it builds or refreshes the database first.
    """

    def __init__(self, database: Path, root: Path | None = None, *, stale: str | None = None) -> None:
        self.database = Path(database)
        self.root = root
        self.stale = stale
        """Why the database is older than the records (they have findings, it cannot be written), or None."""
        with self._connection() as connection:
            self.meta: dict[str, str] = read_meta(connection)

    def __repr__(self) -> str:
        return f"KnowledgeBase({str(self.database)!r}, built {self.meta.get('built', 'unknown')})"

    @property
    def content_hash(self) -> str:
        """Changes whenever the records do; caches are keyed by it."""
        return self.meta["content_hash"]

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = connect(self.database)
        try:
            yield connection
        except DAMAGED as error:
            if isinstance(error, sqlite3.Error) and not any(words in str(error) for words in _DAMAGE):
                raise
            raise DatabaseError(f"{self.database} is damaged ({error}). Run: moe-kb build --force") from None
        finally:
            connection.close()

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """A reader of an open connection: what the functions of `moe_kb.queries` take."""
        with self._connection() as connection:
            yield Reader(connection)

    def _ask(self, question: Callable[Concatenate[Reader, P], T], *arguments: P.args, **options: P.kwargs) -> T:
        with self.reader() as reader:
            return question(reader, *arguments, **options)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A read-only SQLModel session: `session.exec(select(Design).where(Design.year >= 2024))`.

        The classes are in `moe_kb.tables`. What is changed in the session cannot be committed.
        """
        from sqlalchemy.pool import StaticPool
        from sqlmodel import Session, create_engine

        with self._connection() as connection:
            engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
            with Session(engine) as session:
                yield session

    # --- records -----------------------------------------------------------------------------------------------

    def resolve(self, name: str, kind: str | None = None) -> str:
        """Full name of a record from its full name or bare key.

        Raises:
            NotFoundError: No such record; the message lists close keys.
            AmbiguousKeyError: Several kinds have this key; the message lists them.
        """
        return self._ask(queries.resolve.resolve_record, name, kind)

    def get(self, name: str) -> Record:
        """The whole record, typed, by full name or unambiguous bare key."""
        return self._load(self.resolve(name))

    def _load(self, record: str) -> Record:
        from moe_kb.records import RECORD_TYPES  # half a second: only where a typed record is asked for

        kind = record.partition(":")[0]
        return RECORD_TYPES[kind].model_validate(json.loads(self._ask(queries.records.content_of, record)))

    def paper(self, key: str) -> Paper:
        """A paper by key."""
        return cast("Paper", self._load(self.resolve(key, "paper")))

    def design(self, key: str) -> Design:
        """A design by key."""
        return cast("Design", self._load(self.resolve(key, "design")))

    def model(self, key: str) -> Model:
        """A model by key."""
        return cast("Model", self._load(self.resolve(key, "model")))

    def system(self, key: str) -> System:
        """A system by key."""
        return cast("System", self._load(self.resolve(key, "system")))

    def accelerator(self, key: str) -> Accelerator:
        """An accelerator by key."""
        return cast("Accelerator", self._load(self.resolve(key, "accelerator")))

    def source(self, key: str) -> Source:
        """A source by key."""
        return cast("Source", self._load(self.resolve(key, "source")))

    def table(self, key: str) -> Table:
        """A transcribed table by key."""
        return cast("Table", self._load(self.resolve(key, "table")))

    def briefs(self, kind: str | None = None) -> list[queries.records.Brief]:
        """Every record (of one kind) in a line, by name."""
        return self._ask(queries.records.briefs, kind)

    def brief(self, name: str) -> queries.records.Brief:
        """One record in a line."""
        return self._ask(queries.records.brief, self.resolve(name))

    def path_of(self, name: str) -> str:
        """The record's file, relative to the tree."""
        return self._ask(queries.records.path_of, self.resolve(name))

    def sources(self) -> dict[str, queries.records.SourceBrief]:
        """Every source by key, as it is cited."""
        return self._ask(queries.records.sources)

    def table_rows(self, name: str) -> list[queries.records.TableRow]:
        """The rows of a transcribed table as printed, with what each is about."""
        return self._ask(queries.records.table_rows, self.resolve(name, "table"))

    # --- search and query --------------------------------------------------------------------------------------

    def search(
        self,
        text: str,
        *,
        kind: str | None = None,
        node: str | None = None,
        year: int | tuple[int, int] | None = None,
        limit: int = 50,
    ) -> list[Hit]:
        """Records found by addresses, names, words and parts of names, best first; loosely where nothing fits exactly.

        Args:
            text: Words; empty text lists everything that passes the filters.
            kind: `paper`, `design`, `model`, `system`, `source` or `table`.
            node: Only records placed at or under this taxonomy node.
            year: A year, or first and last year.
            limit: At most this many.
        """
        if node:
            node = self.resolve_node(node)
        from moe_kb.db.search import search

        with self._connection() as connection:
            return search(connection, text, kind=kind, node=node, year=year, limit=limit)

    def find(self, text: str, *, most: int = 20) -> queries.find.Answers:
        """Records, authors, taxonomy nodes and implementations by kind, best first, at most so many of each."""
        return self._ask(queries.find.find, text, most=most)

    def author(self, name: str) -> queries.authors.AuthorPage:
        """The page of an author, by any spelling of the name; raises `NotFoundError` where no paper has one."""
        return self._ask(queries.authors.author, name)

    def query(
        self,
        sql: str,
        *,
        max_rows: int = 10_000,
        max_bytes: int | None = None,
        max_seconds: float = 5.0,
        waiting: Callable[[], object] | None = None,
    ) -> QueryResult:
        """Run one guarded SELECT; raises `QueryError` for everything else. Arguments as those of `run_query`."""
        from moe_kb.db.console import run_query

        return run_query(
            self.database, sql, max_rows=max_rows, max_bytes=max_bytes, max_seconds=max_seconds, waiting=waiting
        )

    # --- taxonomy ----------------------------------------------------------------------------------------------

    def taxonomies(self) -> list[queries.taxonomy.TaxonomyBrief]:
        """Every taxonomy in a line."""
        return self._ask(queries.taxonomy.taxonomies)

    def resolve_node(self, name: str) -> str:
        """Full name `taxonomy:path` of a node from its full name, its path, or the last part of its path."""
        return self._ask(queries.resolve.resolve_node, name)

    def tree(self, name: str = "survey-a") -> queries.taxonomy.TreeNode:
        """A taxonomy, or the part of it under a node, with the number of records at and under each node."""
        return self._ask(queries.taxonomy.read_tree, self.resolve_node(name))

    def placed(self, node: str, *, below: bool = True) -> list[queries.taxonomy.Placed]:
        """What is placed at a node (and below it)."""
        return self._ask(queries.taxonomy.records_at, self.resolve_node(node), below=below)

    def ancestors(self, node: str) -> list[tuple[str, str]]:
        """Full name and label of each node from the root down to this one."""
        return self._ask(queries.taxonomy.ancestors, self.resolve_node(node))

    def node_labels(self, key: str | None = None) -> dict[str, str]:
        """Every node's full name (of one taxonomy) with its labels from the top."""
        return self._ask(queries.taxonomy.node_labels, key)

    def mappings(self, node: str) -> list[queries.taxonomy.CrosswalkMapping]:
        """The crosswalk's mappings at a node, whichever side they were written from."""
        return self._ask(queries.taxonomy.mappings, self.resolve_node(node))

    def node_records(self, node: str) -> dict[str, list[queries.taxonomy.NodeRecord]]:
        """What a node holds, by kind: what is placed there, designs of its papers, models of those."""
        return self._ask(queries.taxonomy.node_records, self.resolve_node(node))

    # --- claims ------------------------------------------------------------------------------------------------

    def claims(self, name: str, *, configuration: str | None = None, field: str | None = None) -> list[Claim]:
        """Every claim about a record, preferred ones first within each field."""
        return self._ask(queries.values.claims_about, self.resolve(name), configuration=configuration, field=field)

    def value(self, name: str, field: str, *, configuration: str | None = None) -> Claim:
        """The preferred claim for a field; raises `NotFoundError` where no source gives one."""
        for claim in self.claims(name, field=field):
            if claim.preferred and claim.configuration == configuration:
                return claim
        known = sorted({c.field for c in self.claims(name) if c.configuration == configuration})
        raise NotFoundError(f"no source gives {field!r} for {name}. Known: {', '.join(known) or 'nothing'}.")

    def audit(self, name: str | None = None, *, rule: str | None = None, waived: bool = True) -> list[Issue]:
        """Every issue of the audit's rules (about one record), in the order of the rules.

        Args:
            name: Only issues that concern this record.
            rule: A rule's id (`dates/year-before-preprint`) or a family (`dates`).
            waived: Whether to list those that somebody has waived, too.

        Raises:
            NotFoundError: There is no such record, or no such rule; the message lists the families.
        """
        from moe_kb.audit import kept

        record = self.resolve(name) if name else None
        wanted = None
        if rule:
            from moe_kb.audit.rules import FAMILIES, matching

            wanted = set(matching(rule))
            if not wanted:
                raise NotFoundError(f"there is no audit rule {rule!r}. Families: {', '.join(FAMILIES)}.")
        with self.reader() as reader:
            issues = kept.issues(self.database, self.meta, reader, record)
        return [issue for issue in issues if (wanted is None or issue.rule in wanted) and (waived or issue.open)]

    def disagreements(self, name: str | None = None, *, resolved: bool = True) -> list[Disagreement]:
        """Every disagreement between claims (about one record), with the claims concerned."""
        from moe_kb.db.claims import read_disagreements

        subject = self.resolve(name) if name else None
        with self._connection() as connection:
            return read_disagreements(connection, subject, resolved=resolved)

    # --- relations ---------------------------------------------------------------------------------------------

    def edges(self, name: str) -> list[queries.graph.Edge]:
        """Typed edges at a record or node, each with its source, status and note."""
        return self._ask(queries.graph.edges, self._end(name))

    def neighbours(self, name: str) -> list[queries.graph.Neighbour]:
        """The other ends of the edges at a record or node, citations left out."""
        return self._ask(queries.graph.neighbours, self._end(name))

    def _end(self, name: str) -> str:
        return name if name.startswith(("node:", "implementation:", "taxonomy:")) else self.resolve(name)

    def graph(self) -> nx.MultiDiGraph[str]:
        """The whole typed graph; nodes are full names."""
        return self._ask(queries.graph.load)

    def related(self, name: str, limit: int = 10, kind: str | None = None) -> list[queries.graph.Related]:
        """Records near a record (of one kind), with a score and the reasons; see `moe_kb.queries.graph.related`."""
        return self._ask(queries.graph.related, self.resolve(name), limit, kind)

    def path(self, start: str, end: str) -> list[queries.graph.Step]:
        """The shortest path between two records through the typed edges."""
        return self._ask(queries.graph.path, self.resolve(start), self.resolve(end))

    def kin(self, name: str) -> list[str]:
        """Designs or models to compare one with, see `moe_kb.queries.kin`."""
        return self._ask(queries.kin.kin, self.resolve(name))

    def pairs(self, kind: str) -> list[tuple[str, str]]:
        """Pairs of designs or models that are good to begin a comparison with."""
        return self._ask(queries.kin.pairs, kind)

    def compare(self, names: Sequence[str]) -> queries.compare.Comparison:
        """Records of one kind side by side; `model:key#label` is one configuration of a model."""
        parted = [name.partition("#") for name in names]
        return self._ask(queries.compare.compare, [self.resolve(name) + mark + label for name, mark, label in parted])

    # --- papers, designs, models, systems ----------------------------------------------------------------------

    def papers(
        self,
        facets: queries.papers.Facets | None = None,
        *,
        among: Sequence[queries.papers.PaperRow] | None = None,
        most: int | None = None,
    ) -> list[queries.papers.PaperRow]:
        """The catalogue of papers, newest first; with a text in `facets` best match first.

        Args:
            facets: What the list is narrowed to.
            among: The whole catalogue, where it is at hand.
            most: At most this many.
        """
        with self.reader() as reader:
            found = queries.papers.papers(reader) if among is None else among
            return queries.papers.select_papers(reader, found, facets or queries.papers.Facets(), most)

    def paper_page(self, name: str) -> queries.papers.PaperPage:
        """What stands of a paper in other records and in taxonomies."""
        return self._ask(queries.papers.paper_page, self.resolve(name, "paper"))

    def gates(self) -> list[queries.designs.Gate]:
        """Every gating design with its typed properties."""
        return self._ask(queries.designs.gates)

    def property_meanings(self) -> dict[str, str]:
        """What each typed property of a gating design means."""
        return self._ask(queries.designs.property_meanings)

    def designs_of(self, component: str) -> list[queries.designs.DesignBrief]:
        """Every design of a component, such as `loss`, in a line."""
        return self._ask(queries.designs.designs_of, component)

    def properties(self, design: str) -> list[queries.designs.Property]:
        """A gating design's typed properties, each with its source."""
        return self._ask(queries.designs.properties, self.resolve(design, "design"))

    def adoption(self) -> queries.routing.Adoption:
        """The recent models, of which `Gate.recent` counts those that use a design."""
        return self._ask(queries.routing.adoption)

    def guide(self) -> queries.guide.Guide:
        """The questions and rules by which `advise` chooses a gating design."""
        return self._ask(queries.guide.guide)

    def advise(self, answers: Mapping[str, str]) -> Advice:
        """At most three gating designs for answers to the guide's questions, and what removed the others."""
        from moe_kb.analysis.guide import advise

        return advise(self.guide(), self.gates(), answers)

    def users(self, design: str) -> list[queries.designs.User]:
        """Who introduces, uses, modifies or studies a design."""
        return self._ask(queries.designs.users, self.resolve(design, "design"))

    def lineage(self, design: str) -> list[queries.graph.Neighbour]:
        """A design's relations to other designs."""
        return self._ask(queries.graph.lineage, self.resolve(design, "design"))

    def lineage_of_all(self) -> queries.lineage.Lineage:
        """Gating designs and losses with the recorded edges between them and the models that use each."""
        return self._ask(queries.lineage.lineage_of_all)

    def implementation_of(self, design: str) -> queries.designs.Implementation | None:
        """The installed implementation of a design."""
        return self._ask(queries.designs.implementation_of, self.resolve(design, "design"))

    def configurations(self) -> list[queries.models.ConfigurationRow]:
        """Every configuration of a model with its preferred values and where each was read."""
        return self._ask(queries.models.configurations)

    def values(self, model: str) -> dict[str | None, list[queries.values.Value]]:
        """Everything the sources say of a model, by configuration (None: the model as a whole)."""
        return self._ask(queries.values.values, self.resolve(model, "model"))

    def routers(self, model: str) -> list[queries.values.RouterClaim]:
        """The gating designs a model uses, one for every source that says so."""
        return self._ask(queries.values.routers, self.resolve(model, "model"))

    def scores(self) -> list[queries.scores.ScoreRow]:
        """Benchmark scores with their settings."""
        return self._ask(queries.scores.scores)

    def systems(self) -> list[queries.systems.SystemRow]:
        """Every system with what it optimises."""
        return self._ask(queries.systems.systems)

    # --- sizes -------------------------------------------------------------------------------------------------

    def architectures(self, model: str, configuration: str | None = None) -> dict[str, Architecture]:
        """Configurations of a model by label, those whose layers a source describes.

        Raises:
            NotFoundError: The model or label is unknown, or no layers are described.
        """
        record = self.resolve(model, None if ":" in model else "model")
        return self._ask(queries.sizes.architectures, record, configuration)

    def sizable(self) -> dict[str, queries.sizes.Sizable]:
        """Every configuration by `<model>|<label>`, with what keeps it from being sized."""
        return self._ask(queries.sizes.sizable)

    def devices(self, weights: WeightFormat | None = None) -> list[Device]:
        """Accelerators that have what a roofline needs, the largest memory first."""
        return self._ask(queries.sizes.devices, weights)

    # --- pictures ----------------------------------------------------------------------------------------------

    def picture(self, name: str, *, size: Size = "page", theme: Theme = "auto", links: bool = False) -> Picture:
        """How a gating design routes, a model's layers, or the lineage of all designs, as SVG with its alt text.

        Args:
            name: `design:<key>`, `model:<key>`, `model:<key>#<label>` (without a label: the first configuration whose
                layers a source describes), a bare key (a design's, else a model's), or `lineage`.
            size: `page`: a design is 960 pixels wide and quotes every property in full, and a model's layers stand
                beside its whole; `card`: 320 pixels, or a model as a column of 356.
            theme: Whose colours: `auto` follows the reader's setting, `page` that of the page it is put into.
            links: Whether names in the lineage lead to the pages of the app.

        Raises:
            NotFoundError: There is no such record or configuration, or it has no picture.
        """
        from moe_kb.pictures.named import picture

        return self._ask(picture, name, size=size, theme=theme, links=links)

    def pictures(self, names: Sequence[str], *, theme: Theme = "auto") -> list[Picture]:
        """Designs, or models, as cards with what differs lit; names and errors as those of `picture`."""
        from moe_kb.pictures.named import pictures

        return self._ask(pictures, names, theme=theme)

    def poster(self, names: Sequence[str], *, theme: Theme = "light") -> Picture:
        """The same as one sheet with names and sources; of one record its large picture."""
        from moe_kb.pictures.named import poster

        return self._ask(poster, names, theme=theme)

    # --- analyses ----------------------------------------------------------------------------------------------

    def measurements(self) -> queries.measurements.Measurements:
        """Scores, recorded sizes and described layers of every configuration: what trade-offs are made of."""
        from moe_kb.analysis.metrics import RECORDED

        return self._ask(queries.measurements.measurements, RECORDED)

    def tradeoffs(
        self,
        benchmark: str | None = None,
        *,
        setting: str | None = None,
        performance: str = "context_length",
        cost: str = "params_active",
        context: int = 4096,
        batch: int = 1,
        weights: str = "as-released",
        accelerator: str | None = None,
    ) -> TradeOffs:
        """Every configuration by quality, speed and cost, with sources, formulas and the Pareto frontier.

        Args:
            benchmark: Such as `mmlu`; default: the first with scores.
            setting: That of the scores, such as `5-shot`; default: the one most were measured under.
            performance: A key of `moe_kb.analysis.metrics.PERFORMANCE`.
            cost: A key of `moe_kb.analysis.metrics.COST`.
            context: Tokens of a sequence.
            batch: Sequences decoded together.
            weights: Weight precision, a key of `moe_kb.sizing.storage.WEIGHTS`.
            accelerator: Key of a device; default: `h100-sxm` if it has what a roofline needs, else the first that has.

        Raises:
            NotFoundError: A name is unknown; the message lists those that are known.
        """
        from moe_kb.analysis.trade_offs import choose, trade_offs
        from moe_kb.errors import look_up
        from moe_kb.sizing import Setting
        from moe_kb.sizing.storage import WEIGHTS

        held, precision = self.measurements(), look_up(WEIGHTS, weights, "weight precision")
        choice = choose(
            held,
            benchmark=benchmark,
            condition=setting,
            performance=performance,
            cost=cost,
            setting=Setting(context=context, batch=batch, weights=precision),
            devices=self.devices(precision),
            accelerator=accelerator,
        )
        return trade_offs(held, choice)

    def protocols(self) -> list[queries.results.Protocol]:
        """Protocols under which implementations were compared, with what was run."""
        return self._ask(queries.results.protocols)

    def leaderboard(self, protocol: str | None = None) -> Leaderboard:
        """Implementations compared under one protocol (default: the first), best first within their group.

        Raises:
            NotFoundError: There is no such protocol, or no comparison at all.
        """
        from moe_kb.analysis.leaderboard import leaderboard
        from moe_kb.errors import look_up

        with self.reader() as reader:
            known = {held.protocol: held for held in queries.results.protocols(reader)}
            if not known:
                raise NotFoundError("no comparison has been made. Run: python -m reference_impls bench-designs")
            name = protocol or next(iter(known))
            return leaderboard(
                look_up(known, name, "protocol"),
                queries.results.runs(reader, name),
                queries.results.measured(reader, name),
                queries.results.implementations(reader),
            )

    def leaderboards(self, implementation: str) -> list[Leaderboard]:
        """The comparisons that an implementation is part of."""
        boards = [self.leaderboard(held.protocol) for held in self.protocols()]
        return [board for board in boards if implementation in board]

    def result_runs(self, protocol: str) -> list[queries.results.ResultRun]:
        """Every run of a protocol, with what it was made with."""
        return self._ask(queries.results.runs, protocol)

    def expert_loads(self, protocol: str, implementation: str) -> Mapping[str, list[float]]:
        """Share of each expert by layer, at the last validation of an implementation's first seed."""
        return self._ask(queries.results.loads, protocol, implementation)

    def observations(self, *, text: str = "", largest_only: bool = False) -> list[Observation]:
        """Configurations with every measure of `moe_kb.analysis.trend_fields.TRENDS`, each with its source.

        Args:
            text: Only configurations that hold all of these words.
            largest_only: Only the largest configuration of each model.
        """
        from moe_kb.analysis.trends import largest, observations
        from moe_kb.queries.models import configurations, select_configurations
        from moe_kb.queries.routing import routing

        with self.reader() as reader:
            found = observations(configurations(reader), routing(reader))
        kept = select_configurations(found, text=text)
        return largest(kept) if largest_only else kept

    def trends(self, measure: str, *, text: str = "", largest_only: bool = False) -> Trend:
        """One measure of released models through time: configurations with their sources, and each year's quartiles.

        Args:
            measure: A key of `moe_kb.analysis.trend_fields.TRENDS`, such as `granularity`.
            text: As in `observations`.
            largest_only: The same.

        Raises:
            NotFoundError: There is no such measure; the message lists them.
        """
        from moe_kb.analysis.trend_fields import TRENDS
        from moe_kb.analysis.trends import trend
        from moe_kb.errors import look_up

        look_up(TRENDS, measure, "measure")
        return trend(self.observations(text=text, largest_only=largest_only), measure)

    def trend_findings(self) -> list[TrendFinding]:
        """What released models show, in sentences, each with its numbers."""
        from moe_kb.analysis.trend_findings import findings

        return findings(self.observations())

    def definition(self, measure: str) -> queries.routing.Definition | None:
        """The design whose equation defines a measure of `TRENDS`, if it is here."""
        from moe_kb.analysis.trend_fields import TRENDS
        from moe_kb.queries.routing import definition

        design = TRENDS[measure].design
        with self.reader() as reader:
            return definition(reader, design) if design else None

    def survey_answer(self, question: str) -> Answer:
        """What the records answer to a question that survey A's Table 2 lets one ask.

        Raises:
            NotFoundError: There is no such question; the message lists them.
        """
        from moe_kb.analysis.survey_questions import QUESTIONS, TABLE, answer, standings
        from moe_kb.errors import look_up
        from moe_kb.queries.timeline import configurations_in

        asked = look_up(QUESTIONS, question, "question")
        observations = self.observations()
        with self.reader() as reader:
            inside = configurations_in(reader, TABLE)
        return answer(observations, asked, standings(observations, inside))

    def timelines(self) -> dict[str, str]:
        """The surveys' timelines that are here, newest first, with their titles."""
        return self._ask(queries.timeline.timelines)

    def timeline(self, table: str) -> list[queries.timeline.TimelineModel]:
        """The models of a timeline in printed order, each with the record it is about."""
        return self._ask(queries.timeline.timeline, table)

    def released(self) -> list[queries.timeline.TimelineModel]:
        """Models with a release date, by the records, oldest first."""
        return self._ask(queries.timeline.released)

    def news(self) -> list[queries.news.News]:
        """Models, designs, papers and systems by the date at which they became public, newest first."""
        return self._ask(queries.news.news)

    def glossary(self) -> list[queries.glossary.Term]:
        """Terms of the field with their sources, in alphabetical order."""
        return self._ask(queries.glossary.glossary)

    def routes(self) -> list[queries.routes.Route]:
        """Reading routes with a line why each work stands on them."""
        return self._ask(queries.routes.routes)

    def papers_by_year(self) -> list[queries.timeline.PapersOfYear]:
        """How many papers of each year are here."""
        return self._ask(queries.timeline.papers_by_year)

    # --- out ---------------------------------------------------------------------------------------------------

    @property
    def version(self) -> str:
        """Version of the data: the first signs of its hash, and the day it was built from the records."""
        return f"{self.content_hash[:12]} of {self.meta['built'][:10]}"

    @property
    def note(self) -> str:
        """What stands under a copied table or value: where it is from, so that it can be found again."""
        from importlib.metadata import version

        return f"moe-kb {version('moe-kb')}, data {self.version}"

    def bibtex(self, names: Sequence[str]) -> dict[str, str]:
        """BibTeX entries of papers and sources by full name, each once; `moe-kb` is this knowledge base.

        Raises:
            MoeKbError: One of them is neither a paper nor a source.
        """
        from importlib.metadata import version

        from moe_kb.exporters.bibtex import entries, of_this_base

        found = self._ask(entries, [self.resolve(name) for name in names if name != SELF])
        return found | ({SELF: of_this_base(version(SELF), self.version)} if SELF in names else {})

    def cite(self, names: Sequence[str]) -> str:
        """The same in one text."""
        return "\n".join(self.bibtex(names).values())

    def cited_value(self, claim: Claim) -> str:
        """A value as it is cited: what it is of, where it stands, and the version of the data."""
        about = f"{self.brief(claim.subject).name}{f' {claim.configuration}' if claim.configuration else ''}"
        condition = ", ".join(filter(None, (claim.setting, claim.scope, claim.counting)))
        source = self.sources().get(claim.source)
        place = citation(source.title if source else claim.source, claim.locator)
        address = f", {source.url}" if source and source.url else ""
        derived = "" if claim.status == "reported" else f" ({claim.status})"
        value = f"{claim.field} = {claim.shown_with_unit}{f' ({condition})' if condition else ''}{derived}"
        return f"{about}: {value}. Source: {place}{address}. {self.note}."

    def record_json(self, name: str) -> str:
        """A record as JSON: edges, claims (each with the file that makes it), disagreements, issues, data's version."""
        page = self.page(name)
        claims = self.claims(page.record)
        files = {record: self.path_of(record) for record in {claim.record for claim in claims}}
        data = {
            "record": page.record,
            "content": json.loads(page.content),
            "edges": [asdict(edge) for edge in self.edges(page.record)],
            "claims": [{**asdict(claim), "file": files[claim.record]} for claim in claims],
            "disagreements": [asdict(item) for item in self.disagreements(page.record)],
            "issues": [issue.as_data() for issue in self.audit(page.record)],
            "file": page.path,
            "version": self.version,
        }
        return json.dumps(data, ensure_ascii=False, indent=2, default=str)

    def support(self, name: str, field: str, configuration: str | None = None) -> list[Support]:
        """Every place behind a field of a record; claims, and what the record itself cites."""
        from moe_kb.exporters.citations import support

        return self._ask(support, self.get(name), field, configuration)

    def page(self, name: str) -> queries.record_page.RecordPage:
        """What a record says of itself: title, summary, properties, equations, steps, rows."""
        return self._ask(queries.record_page.record_page, self.resolve(name))

    def export(self, folder: str | Path, formats: Sequence[str] = ("csv",), *, excel: bool = False) -> list[Path]:
        """Write every table and view with a data dictionary.

        Args:
            folder: Made if absent.
            formats: Any of csv, json, parquet, bibtex.
            excel: Whether CSV begins with a byte-order mark.
        """
        from moe_kb.exporters.tables import export

        return self._ask(export, Path(folder), formats, excel=excel)

    def schema(self) -> list[queries.console.TableInfo]:
        """Every view and table with its columns and what they mean."""
        return self._ask(queries.console.schema)

    def counts(self) -> dict[str, queries.overview.Count]:
        """The numbers of the overview, each with its query."""
        return self._ask(queries.overview.counts)

    def stats(self) -> queries.stats.Stats:
        """Numbers that say what is here and what is missing."""
        return self._ask(queries.stats.stats)


def open_kb(
    root: str | Path | None = None,
    *,
    database: str | Path | None = None,
    refresh: bool = True,
    progress: Progress | None = None,
) -> KnowledgeBase:
    """Open the knowledge base, building or refreshing its database first if the records have changed.

    Args:
        root: A tree that holds `data/` and `taxonomy/`; default: `MOE_KB_ROOT`, the checkout, or the data that came
            with the package.
        database: Where the database is or goes; default: the checkout's `build/`, else the user's cache folder.
        refresh: Look for changed records first (a few milliseconds where nothing changed).
        progress: Called during a build.

    Raises:
        NotFoundError: There are no records at `root`.
        CheckFailedError: The records have structural findings and there is no database that could answer.
        DatabaseError: The database cannot be read, or is not there and cannot be written.
    """
    if database is not None and root is None and not refresh:
        return KnowledgeBase(Path(database))
    tree = find_root(root)
    target = Path(database) if database is not None else default_database(tree)
    stale = None
    if not target.is_file():
        refresh_database(tree, target, progress)
    elif refresh and not is_current(tree, target):
        stale = _brought_up_to_date(tree, target, progress)
    return KnowledgeBase(target, tree, stale=stale)


def refresh_database(root: Path, database: Path, progress: Progress | None = None) -> BuildReport:
    """Build or refresh the database of a tree."""
    from moe_kb.db.build import build

    return build(root, database, progress=progress)


#: Seconds after which a refresh that failed, or whose stamp could not be written, is tried again without a change.
RETRY_SECONDS = 30.0
#: What came of the last refresh of a database: the stamp of what it read, why it failed if it did, when to try again.
#: The app looks every few seconds, and must not read all records each time only to fail as before.
_last: dict[Path, tuple[str, str | None, float]] = {}


def _brought_up_to_date(tree: Path, database: Path, progress: Progress | None) -> str | None:
    """Refresh a database that is there; why it stays older than the records, or None.

    Raises:
        CheckFailedError: It cannot be refreshed for findings, and cannot be read either.
        DatabaseError: It can be neither refreshed nor read.
    """
    from moe_kb.db.manifest import Code
    from moe_kb.stamps import scan

    stamp = Code.now().stamp(scan(tree))
    seen, why, until = _last.get(database, ("", None, 0.0))
    if seen == stamp and time.monotonic() < until and _answers(database):
        return why
    why = None
    try:
        refresh_database(tree, database, progress)
    except (CheckFailedError, DatabaseError) as error:
        # Somebody is editing, or the place is full or read-only: what was built before answers, and says it is older.
        if not _answers(database):
            raise
        why = str(error)
    _last[database] = stamp, why, time.monotonic() + RETRY_SECONDS
    return why


def _answers(database: Path) -> bool:
    try:
        connect(database).close()
    except DatabaseError:
        return False
    return True

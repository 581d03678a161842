"""What every record shares: strict models, keys, references, citations and claims."""

import re
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from moe_kb.records.dates import is_partial_date

KEY_PATTERN = r"^[a-z0-9]+(?:[.-][a-z0-9]+)*$"
NODE_PATTERN = r"^[a-z0-9]+(?:[.-][a-z0-9]+)*(?:/[a-z0-9]+(?:[.-][a-z0-9]+)*)*$"
Kind = Literal["paper", "design", "model", "system", "accelerator", "source", "table"]
P = TypeVar("P", bound=BaseModel)


def is_web_address(value: str) -> bool:
    """Whether a text is an http or https address without spaces."""
    if re.fullmatch(r"https?://[^\s/$.?#]\S*", value, re.IGNORECASE) is None:
        return False
    try:
        address = urlsplit(value)
        return bool(address.hostname) and (address.port is None or address.port > 0)
    except ValueError:  # brackets that do not close, a port that is no number
        return False


def _is_url(value: str) -> str:
    if not is_web_address(value):
        raise ValueError("must be an http:// or https:// address without spaces")
    return value


def _is_date(value: str) -> str:
    if not is_partial_date(value):
        raise ValueError(
            "must be a day (2024-06-26), month (2024-06), quarter (2024-Q2), year (2024) or an interval a/b, "
            "between 1900 and 2100"
        )
    return value


Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN, max_length=80)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]
#: One line of which something can be seen.
LINE_PATTERN = r"^[^\r\n]*\S[^\r\n]*$"
Line = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=LINE_PATTERN)]
Scalar = Line | int | float | bool
#: Name of a field, or of a column.
FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=80)]
Url = Annotated[str, StringConstraints(max_length=500), AfterValidator(_is_url)]
PartialDate = Annotated[str, AfterValidator(_is_date)]
Reference = Annotated[
    str,
    StringConstraints(pattern=r"^(paper|design|model|system|accelerator|source|table):[a-z0-9]+(?:[.-][a-z0-9]+)*$"),
    Field(description="A record's full name, `kind:key`, e.g. `paper:gshard`."),
]
NodeId = Annotated[str, StringConstraints(pattern=NODE_PATTERN, max_length=160)]
NodeName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9]+(?:[.-][a-z0-9]+)*:[a-z0-9]+(?:[.-][a-z0-9]+)*(?:/[a-z0-9]+(?:[.-][a-z0-9]+)*)*$"
    ),
    Field(description="A taxonomy node's full name, `taxonomy:path`, e.g. `survey-a:algorithm/gating-function`."),
]

#: Claims of one record; the largest has 26. Each may be compared with every other.
MAX_CLAIMS = 1000
#: Values in one list.
MAX_VALUES = 200

Status = Literal["reported", "derived", "estimated", "unknown"]
Counting = Literal["incl-shared", "excl-shared", "unclear"]


class Part(BaseModel):
    """A piece of a record: unknown fields and wrong types are errors, and nothing changes after reading."""

    # Validators are made when first used, and the docstrings of fields are read by `moe_kb.jsonschema`: a command that
    # sizes a model needs one type in seven, and no description.
    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def stored(kind: type[P], data: dict[str, Any]) -> P:
    """A part from what it was stored as, taken as it is: it was validated before, and to make the validators of all
    types of sublayers costs more than to size a configuration."""
    fields = kind.model_fields
    return kind.model_construct(**{name: _taken(value, fields[name].annotation) for name, value in data.items()})


def _taken(value: Any, annotation: Any) -> Any:
    if isinstance(value, list):
        return [_taken(item, annotation) for item in value]
    if not isinstance(value, dict):
        return value
    fitting = (part for part in _parts(annotation) if value.get("kind") in (None, *_kinds(part)))
    return next((stored(part, value) for part in fitting), value)


def _parts(annotation: Any) -> list[type[Part]]:
    """The types of parts that a field of this annotation can hold."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return [annotation]
    return [part for inner in get_args(annotation) for part in _parts(inner)]


def _kinds(part: type[Part]) -> tuple[Any, ...]:
    """What the field `kind` of a part can say, by which one of several is told."""
    return get_args(part.model_fields["kind"].annotation) if "kind" in part.model_fields else ()


def fields_at(kind: type[BaseModel], place: tuple[str | int, ...]) -> list[str]:
    """Names of the fields of what stands at a place in a record; pydantic's places name members of unions too."""
    here: list[type[BaseModel]] = [kind]
    for step in place:
        inside: list[type[BaseModel]] = [
            part
            for part_type in here
            if step in part_type.model_fields
            for part in _parts(part_type.model_fields[str(step)].annotation)
        ]
        member = [part for part in here if step == part.__name__ or (issubclass(part, Part) and step in _kinds(part))]
        here = inside or member or here
    return list(dict.fromkeys(name for part in here for name in part.model_fields))


class Citation(Part):
    """Where something was seen."""

    source: Key
    """Key of the source record."""
    locator: Line | None = None
    """Place inside the source: section, table and row, figure, file, page."""


class Note(Part):
    """A short text of ours with the places that support it."""

    text: Text
    """In our own words; never a sentence of the source."""
    cites: Annotated[list[Citation], Field(min_length=1)]
    """The places that support it."""


class Provenance(Citation):
    """Which of the record's own fields were read from one place."""

    fields: Annotated[list[Line], Field(min_length=1)]
    """Names of the record's top-level fields seen there."""


class SourcedValue(Citation):
    """One value that one source gives for one field of this record."""

    field: FieldName
    """What is claimed, e.g. `params_total`, `d_model`, `venue`."""
    value: Scalar | Annotated[list[Scalar], Field(min_length=1, max_length=MAX_VALUES)]
    """The typed value; counts of parameters are absolute (47000000000, not 47)."""
    configuration: Line | None = None
    """The configuration's label, or another named part; none: the record as a whole."""
    printed: Line | None = None
    """The value as the source prints it ("47B"), which fixes its precision."""
    unit: Line | None = None
    """Unit of the value, e.g. `parameters`, `percent`, `tokens`."""
    status: Status = "reported"
    """`reported` as the source says it; `derived` computed or inferred from it; `estimated`; `unknown`."""
    counting: Counting | None = None
    """For expert counts: whether shared experts are in the number."""
    scope: Line | None = None
    """What the number covers, e.g. `text-model-without-mtp` for a parameter count."""
    setting: Line | None = None
    """Condition of a measurement, e.g. `5-shot`."""
    note: Line | None = None
    """Why the value is derived, or what to beware of."""


class Resolution(Citation):
    """A note that closes a disagreement: which source is right for a field, and why."""

    field: FieldName
    """The field in dispute."""
    configuration: Line | None = None
    """The configuration in dispute, if any."""
    prefer: Key
    """Key of the source whose value is shown first."""
    reason: Line
    """Why, in our own words; `source` and `locator` say where the reason was seen."""


class Relation(Citation):
    """A typed edge to another record."""

    kind: Literal[
        "extends",
        "variant-of",
        "combines",
        "replaces",
        "uses",
        "implements",
        "based-on",
        "compares",
        "succeeds",
        "cites",
    ]
    """How this record stands to the other."""
    to: Reference
    """The other record."""
    note: Line | None = None
    """What the relation consists of, in our own words."""
    status: Status = "reported"
    """`derived` where we inferred the relation."""


class Placement(Citation):
    """A record's place in a taxonomy."""

    taxonomy: Key
    """The taxonomy, e.g. `survey-a`."""
    node: NodeId
    """The node's path inside it."""
    printed_as: list[Line] = Field(default_factory=list)
    """The name or names under which the taxonomy prints the record there."""
    status: Status = "reported"
    """`derived` where we placed the record by what the source says of it, without the source placing it itself."""


class Record(Part):
    """A file of the knowledge base."""

    KIND: ClassVar[Kind]
    #: Fields that carry their own citations, or need none: everything else must be covered by `provenance`.
    SELF_SOURCED: ClassVar[frozenset[str]] = frozenset(
        {"key", "provenance", "claims", "resolutions", "relations", "placements", "summary", "superseded_by"}
    )

    key: Key
    """The file's name without `.yaml`; never reused."""
    name: Line
    """The name people use. Short names are not unique; the year is shown beside them."""
    summary: Note | None = None
    """What it is, in our own words."""
    claims: list[SourcedValue] = Field(default_factory=list, max_length=MAX_CLAIMS)
    """Values given by sources beyond the fields above, conflicting ones included."""
    resolutions: list[Resolution] = Field(default_factory=list)
    """Notes that close disagreements."""
    relations: list[Relation] = Field(default_factory=list)
    """Typed edges to other records."""
    placements: list[Placement] = Field(default_factory=list)
    """Places in taxonomies."""
    superseded_by: Key | None = None
    """Key of the record of the same kind that replaces this one."""
    provenance: list[Provenance] = Field(default_factory=list)
    """Where the fields of this record were read."""

    @classmethod
    def field_order(cls) -> list[str]:
        """Fields in the order of the canonical form: who it is, what the kind says, then what all kinds say."""
        shared = [name for name in Record.model_fields if name not in ("key", "name")]
        own = [name for name in cls.model_fields if name not in Record.model_fields]
        return ["key", "name", *own, *shared]

    @property
    def reference(self) -> str:
        """Full name, `kind:key`."""
        return f"{self.KIND}:{self.key}"

    def stated_fields(self) -> dict[str, Any]:
        """The fields that say something and have to be covered by `provenance`."""
        return {
            name: getattr(self, name)
            for name in type(self).model_fields
            if name not in self.SELF_SOURCED and getattr(self, name) not in (None, [], {})
        }

"""Designs: ideas that can be described, compared and, where an implementation exists, run."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, get_args

from pydantic import Field

from moe_kb.records.base import Citation, Key, Kind, Line, Part, Record, Reference, Status, Text
from moe_kb.records.sublayers import Positive

T = TypeVar("T")

Component = Literal["gating", "loss", "expert", "peft", "scheme", "system", "application"]


class Sourced(Citation, Generic[T]):
    """A typed property with the place it was read from."""

    value: T
    """The property's value."""
    status: Status = "reported"
    """`derived` where it follows from what the source says without being said."""
    note: Line | None = None
    """A condition or detail, in our own words."""


class GatingProperties(Part):
    """What tells one router from another; each property is read from a source or left out."""

    chooser: Sourced[Literal["token", "expert", "solver", "fixed", "none"]] | None = None
    """Who chooses: each token its experts, each expert its tokens, an assignment solver, a fixed rule; `none` where
    every expert takes part."""
    experts_per_token: Sourced[Literal["one", "fixed-k", "adaptive", "all"]] | None = None
    """How many experts a token gets."""
    k: Sourced[Positive] | None = None
    """The number of experts per token, where it is fixed."""
    score: (
        Sourced[
            Literal[
                "softmax",
                "sigmoid",
                "cosine",
                "sqrt-softplus",
                "relu",
                "attention",
                "distance",
                "hash",
                "random",
                "linear",
                "other",
            ]
        ]
        | None
    ) = None
    """Function that turns router logits into scores."""
    order: Sourced[Literal["softmax-then-topk", "topk-then-softmax", "topk-only", "not-applicable"]] | None = None
    """Whether scores are normalised before or after selection."""
    renormalised: Sourced[bool] | None = None
    """Whether the chosen experts' weights are scaled to sum to one."""
    second_choice: Sourced[Line] | None = None
    """Special treatment of the second expert, e.g. GShard's random second expert."""
    noise: Sourced[Line] | None = None
    """Noise added during training."""
    selection_bias: Sourced[bool] | None = None
    """Whether a bias per expert is added for the choice and left out of the weights."""
    granularity: (
        Sourced[
            Literal["token", "segment", "sequence", "task", "domain", "language", "patch", "image", "head", "batch"]
        ]
        | None
    ) = None
    """What is routed as one."""
    trainable: Sourced[bool] | None = None
    """Whether the router is learned."""
    differentiable: Sourced[Literal["fully", "through-weights", "estimated", "no"]] | None = None
    """How gradients reach the router: everywhere, through the chosen weights only, by an estimator, or not."""
    autoregressive_safe: Sourced[bool] | None = None
    """Whether a token's routing is independent of later tokens."""
    capacity_train: Sourced[Line] | None = None
    """Capacity rule in training."""
    capacity_eval: Sourced[Line] | None = None
    """Capacity rule in evaluation."""
    overflow: Sourced[Literal["dropped", "next-expert", "padded", "none"]] | None = None
    """What happens to assignments past capacity."""
    groups: Sourced[Line] | None = None
    """Groups of tokens, experts or devices that routing respects."""
    shared_experts: Sourced[bool] | None = None
    """Whether experts that every token uses stand beside the routed ones."""
    null_experts: Sourced[bool] | None = None
    """Whether experts without computation compete with the routed ones."""
    balancing: Sourced[Line] | None = None
    """How load is balanced."""
    cost_per_token: Sourced[Line] | None = None
    """Cost of routing one token, as a formula."""
    train_inference_difference: Sourced[Line] | None = None
    """What changes between training and inference."""

    @classmethod
    def vocabulary(cls, name: str) -> tuple[str, ...] | None:
        """The possible values of a property in words, in order; None where it is a number or text."""
        wrapped = next(kind for kind in get_args(cls.model_fields[name].annotation) if kind is not type(None))
        value: Any = wrapped.model_fields["value"].annotation if issubclass(wrapped, Sourced) else None
        if value is bool:
            return ("yes", "no")
        values = get_args(value)
        return values if values and all(isinstance(word, str) for word in values) else None


class Equation(Citation):
    """A formula with the meaning of every symbol."""

    label: Line
    """What the formula defines."""
    latex: Text
    """LaTeX without delimiters."""
    legend: dict[Line, Line] = Field(default_factory=dict)
    """Symbol (LaTeX) to meaning."""
    note: Line | None = None
    """What the source leaves open, or what was restored."""


class Algorithm(Citation):
    """A procedure, step by step, in our own words."""

    steps: Annotated[list[Text], Field(min_length=1)]
    """The steps in order."""
    note: Line | None = None
    """What the source leaves open."""


class Usage(Citation):
    """Who introduces, adopts or changes a design."""

    by: Reference
    """The paper, model, system or table row's subject."""
    role: Literal["introduces", "uses", "modifies", "studies"]
    """What it does with the design."""
    term: Line | None = None
    """For losses: the term used."""
    coefficient: float | None = None
    """For losses: the coefficient this source states for this user (never one read off a shared table row)."""
    status: Status = "reported"
    """`derived` where the role was inferred."""
    note: Line | None = None
    """Details, in our own words."""


class Design(Record):
    """A gating function, loss, expert type, parameter-efficient scheme, training scheme, system technique or
    application pattern."""

    KIND: ClassVar[Kind] = "design"
    SELF_SOURCED: ClassVar[frozenset[str]] = Record.SELF_SOURCED | {
        "component",
        "properties",
        "equations",
        "algorithm",
        "usages",
        "implementation",
    }

    component: Component
    """What part of a mixture of experts it is about; also its folder."""
    aliases: list[Line] = Field(default_factory=list)
    """Other names."""
    year: int | None = Field(default=None, ge=1900, le=2100)
    """Year of the work that introduces it."""
    properties: GatingProperties | None = None
    """Typed properties (gating designs only)."""
    equations: list[Equation] = Field(default_factory=list)
    """Its formulas."""
    algorithm: Algorithm | None = None
    """Its steps, where it is a procedure."""
    usages: list[Usage] = Field(default_factory=list)
    """Who introduces, uses or modifies it."""
    implementation: Key | None = None
    """Key of a runnable implementation in the laboratory's catalogue."""

"""The settings that every implementation shares, and how a wrong one is reported.

The same class makes the form in an app, the flags of the command line and the check at launch, so each
field carries its bounds, its default, a description and, where it has one, its unit.
"""

import difflib
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

TaskName = Literal["text", "clusters", "digits", "multitask"]
ExpertKind = Literal["relu", "swiglu"]
TaskDefaults = Mapping[str, Mapping[str, Any]]

WORDS_PER_CLUSTER = 4  # of the clustered task, whose points have words as text has bytes


class ConfigError(ValueError):
    """A config out of bounds; the message is one line that names each field, its bound and the mend."""


def setting(default: Any, description: str, *, group: str = "routing", unit: str | None = None, **bounds: Any) -> Any:
    """A field of a config: `bounds` are pydantic's (`ge`, `gt`, `le`, `lt`), `group` is its place in a form."""
    extra: dict[str, Any] = {"group": group} | ({"unit": unit} if unit else {})
    return Field(default=default, description=description, json_schema_extra=extra, **bounds)


def expert_width(default: int) -> Any:
    """The field `d_expert`."""
    return setting(default, "Hidden width of an expert, and of a dense feed-forward.", group="model", ge=4, le=16_384)


def layer_step(default: int) -> Any:
    """The field `moe_every`."""
    description = "Every how many layers the feed-forward has experts (2: layers 1, 3, ... from 0)."
    return setting(default, description, group="model", ge=1, le=48)


def loss_weight(default: float, loss: str) -> Any:
    """A field for the coefficient of an auxiliary loss, which is 0 or more."""
    return setting(default, f"Weight of {loss}.", ge=0, le=10)


class RunConfig(BaseModel):
    """Task, model, experts and optimiser of a run."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    expert_kind: ClassVar[ExpertKind] = "swiglu"
    task_defaults: ClassVar[TaskDefaults] = {
        # So narrow that one expert can hold the rule of one cluster and a dense layer cannot hold all.
        "clusters": {
            "steps": 600, "batch_size": 32, "sequence_length": 16, "d_model": 32, "n_layers": 1, "n_heads": 1,
            "d_expert": 8, "moe_every": 1, "learning_rate": 1e-2, "weight_decay": 0.0, "validation_every": 150,
            "routing_group": "batch",
        },
    }  # fmt: skip
    """What a field is worth on a task if it is not given and the field's own default is for another task. A class says
    only what differs from the classes that it is made of."""

    task: Literal["text", "clusters"] = setting(
        "text",
        "What is learnt: the next byte of text, or the label of points that come in clusters, each with a rule "
        "of its own.",
        group="run",
    )
    steps: int = setting(240, "Optimiser steps.", group="batches and optimiser", unit="steps", ge=1, le=100_000)
    batch_size: int = setting(8, "Sequences in a batch.", group="batches and optimiser", unit="sequences", ge=1, le=512)
    sequence_length: int = setting(
        256,
        "Tokens of each sequence: bytes that the model predicts, or points of the clustered task.",
        group="batches and optimiser",
        unit="tokens",
        ge=8,
        le=2048,
    )
    d_model: int = setting(
        128,
        "Width of the residual stream; for text and digits a multiple of 2 * n_heads.",
        group="model",
        ge=2,
        le=2048,
    )
    n_layers: int = setting(4, "Transformer layers.", group="model", ge=1, le=48)
    n_heads: int = setting(4, "Attention heads in each layer.", group="model", ge=1, le=64)
    n_experts: int = setting(8, "Experts in each mixture-of-experts layer.", group="model", ge=1, le=256)
    d_expert: int = expert_width(128)
    moe_every: int = layer_step(1)
    learning_rate: float = setting(
        3e-3, "Peak learning rate of AdamW, reached after the warm-up.", group="batches and optimiser", gt=0, le=1
    )
    warmup_steps: int = setting(
        40,
        "Steps of linear warm-up, at most all; then the rate falls along a cosine to a tenth.",
        group="batches and optimiser",
        unit="steps",
        ge=0,
        le=10_000,
    )
    weight_decay: float = setting(
        0.1, "Decay of the weight matrices in AdamW.", group="batches and optimiser", ge=0, le=1
    )
    gradient_clip: float = setting(
        1.0, "Largest norm of the gradient of all parameters together.", group="batches and optimiser", gt=0, le=1000
    )
    domain_bytes: int = setting(
        2_000_000,
        "Most bytes taken from each domain of the text (prose, code, tests, data).",
        group="text",
        unit="bytes",
        ge=20_000,
        le=50_000_000,
    )
    n_clusters: int = setting(8, "Clusters of points, each with a rule of its own.", group="clusters", ge=2, le=256)
    cluster_unit: Literal["token", "sequence"] = setting(
        "token", "Whether each point has a cluster of its own, or all points of a sequence share one.", group="clusters"
    )
    validation_every: int = setting(
        60,
        "Steps between validations; the last step is always validated.",
        group="run",
        unit="steps",
        ge=1,
        le=100_000,
    )
    validation_sequences: int = setting(
        64,
        "Held-out sequences scored at each validation, spread evenly over the domains.",
        group="run",
        unit="sequences",
        ge=4,
        le=4096,
    )
    seed: int = setting(0, "Seed of weights, batches and noise.", group="run", ge=0, le=2**31 - 1)
    threads: int = setting(
        2,
        "CPU threads that torch uses; results may differ in the last digits between counts.",
        group="run",
        unit="threads",
        ge=1,
        le=128,
    )
    save_checkpoint: bool = setting(
        False, "Write checkpoint.pt into the run directory at each validation and at the end.", group="run"
    )

    @classmethod
    def tasks(cls) -> tuple[str, ...]:
        """What this design can be trained on, the default first."""
        field = cls.model_fields["task"]
        return (field.default, *(name for name in get_args(field.annotation) if name != field.default))

    @classmethod
    def defaults_for(cls, task: str) -> dict[str, Any]:
        """What `task_defaults` of this class and of those it is made of say of a task, the nearest class last."""
        meant: dict[str, Any] = {}
        for parent in reversed(cls.__mro__):
            meant |= vars(parent).get("task_defaults", {}).get(task, {})
        return meant

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """A config of so many experts, the design's other settings brought within its bounds.

        Designs whose settings are bounded by the number of experts override this.
        """
        return cls(**{"n_heads": 1, "n_experts": n_experts, **fields})

    @property
    @abstractmethod
    def active_experts(self) -> float:
        """Routed experts that one token passes through in a layer, on average where that varies."""

    @property
    def trained_experts(self) -> float:
        """The same in training, where some designs use more."""
        return self.active_experts

    @property
    def always_active_experts(self) -> int:
        """Shared experts beside them, which every token passes through."""
        return 0

    @property
    def expert_matrices(self) -> int:
        """Weight matrices of size d_model x d_expert in one expert."""
        return {"relu": 2, "swiglu": 3}[self.expert_kind]

    @property
    def expert_parameters(self) -> int:
        """Parameters of one routed expert."""
        return self.expert_matrices * self.d_model * self.d_expert

    @property
    def router_parameters(self) -> int:
        """Trainable parameters of a layer beside its experts: its router and what else the design adds."""
        return self.n_experts * self.d_model

    @property
    def active_router_parameters(self) -> int:
        """Those of them that one token uses: of a table its row, of several gates its own."""
        return self.router_parameters

    @property
    def path_parameters(self) -> int:
        """Those of them that lie on a token's way to the output, as experts do, rather than choose among experts."""
        return 0

    def is_moe_layer(self, layer: int) -> bool:
        """Whether layer `layer` (from 0) has experts: the last of each group of `moe_every`."""
        return layer % self.moe_every == self.moe_every - 1

    def require_multiple(self, field: str, of: str) -> None:
        """For a design's own check: refuse a value of `field` that is no multiple of the value of `of`."""
        value, unit = getattr(self, field), getattr(self, of)
        if value % unit:
            raise ValueError(f"{field} = {value} must be a multiple of {of} = {unit}")

    @model_validator(mode="before")
    @classmethod
    def _fill_in_for_the_task(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        task = values.get("task", cls.model_fields["task"].default)
        meant = cls.defaults_for(task) if isinstance(task, str) else {}
        return {name: value for name, value in meant.items() if name in cls.model_fields} | dict(values)

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        has_attention = self.task in ("text", "digits")
        if has_attention and self.d_model % (2 * self.n_heads):
            raise ValueError(
                f"d_model = {self.d_model} must be a multiple of 2 * n_heads = {2 * self.n_heads} "
                "(each head rotates pairs of coordinates)"
            )
        if self.moe_every > self.n_layers:
            raise ValueError(
                f"moe_every = {self.moe_every} must be at most n_layers = {self.n_layers}, or no layer has experts"
            )
        return self


class TopOneConfig(RunConfig):
    """Settings of designs in which a token chooses, or is given, one expert."""

    @property
    def active_experts(self) -> float:
        """One."""
        return 1


class RuleConfig(TopOneConfig):
    """Settings of designs in which a rule or chance, but no trained weight, gives a token its expert."""

    @property
    def router_parameters(self) -> int:
        """None."""
        return 0


class TopKConfig(RunConfig):
    """Settings of designs in which a token chooses a fixed number of experts."""

    experts_per_token: int = setting(2, "Experts that each token passes through; at most n_experts.", ge=1, le=256)

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """As many experts a token as by default, or all there are."""
        k = min(cls.model_fields["experts_per_token"].default, n_experts)
        return super().with_experts(n_experts, **{"experts_per_token": k, **fields})

    @property
    def active_experts(self) -> float:
        """The k of top-k."""
        return self.experts_per_token

    @model_validator(mode="after")
    def _choose_at_most_all(self) -> Self:
        if self.experts_per_token > self.n_experts:
            raise ValueError(
                f"experts_per_token = {self.experts_per_token} must be at most n_experts = {self.n_experts}"
            )
        return self


class SharedExpertsConfig(TopKConfig):
    """Settings of designs with small routed experts, beside which every token passes through shared ones."""

    d_expert: int = setting(64, "Hidden width of an expert.", group="model", ge=4, le=16_384)
    shared_experts: int = setting(
        1,
        "Experts that every token passes through beside the routed ones, as one of their joint width.",
        group="model",
        ge=0,
        le=64,
    )

    @property
    def always_active_experts(self) -> int:
        """The shared experts."""
        return self.shared_experts


class CapacityConfig(RunConfig):
    """Settings of designs whose experts take a limited number of tokens."""

    capacity_factor_train: float = setting(
        1.25,
        "In training an expert takes at most ceil(factor * tokens / n_experts) assignments a group.",
        gt=0,
        le=256,
    )
    capacity_factor_eval: float = setting(2.0, "The same factor outside training.", gt=0, le=256)
    routing_group: Literal["sequence", "batch"] = setting(
        "sequence", "Tokens that share capacity and balance: each sequence alone, or the whole batch."
    )

    def capacity_factor(self, training: bool) -> float:
        """The factor that holds now."""
        return self.capacity_factor_train if training else self.capacity_factor_eval


Config = TypeVar("Config", bound=BaseModel)


def check_config(config_class: type[Config], values: Mapping[str, Any]) -> Config:
    """Build a config from plain values, strictly typed ("8" is not 8).

    Raises:
        ConfigError: naming every wrong field, its bound and its default, in one line.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"the config must be an object of fields and values, not {type(values).__name__}")
    try:
        return config_class.model_validate(dict(values), strict=True)
    except ValidationError as error:
        raise ConfigError("; ".join(_describe(config_class, item) for item in error.errors())) from None


def _describe(config_class: type[BaseModel], item: Any) -> str:
    field = ".".join(str(part) for part in item["loc"])
    if not field:  # A check across fields words its own message.
        return str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field, config_class.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else "known: " + ", ".join(config_class.model_fields)
        return f"{field} is not a field of this config ({hint})"
    rule = str(item["msg"])
    rule = rule[0].lower() + rule[1:]
    default = config_class.model_fields[item["loc"][0]].default
    shown = repr(item["input"])
    shown = shown if len(shown) <= 40 else shown[:37] + "..."
    return f"{field} = {shown}: {rule} (default {default!r})"

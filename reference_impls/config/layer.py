"""The settings of a layer, alone or in a model, and what families of designs share of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import BaseModel, model_validator

from reference_impls.config.fields import STRICT, TaskDefaults, expert_count, expert_width, setting

if TYPE_CHECKING:
    from reference_impls.config.run import TaskConfig

ExpertKind = Literal["relu", "swiglu"]
TaskName = Literal["text", "clusters", "digits", "multitask"]
FieldPairs = Mapping[str, str]
"""For a field of a config the other field that bounds it."""

WORDS_PER_CLUSTER = 4  # of the clustered task, whose points have words as text has bytes


class LayerConfig(BaseModel, ABC):
    """Router and experts of a layer, and what the layer must know of the model that it stands in."""

    model_config = STRICT

    expert_kind: ClassVar[ExpertKind] = "swiglu"
    tasks: ClassVar[tuple[TaskName, ...]] = ("text", "clusters")
    """What the design can be trained on, the default first."""
    run_defaults: ClassVar[Mapping[str, Any]] = {}
    """Defaults of a run that are not those of every design."""
    task_defaults: ClassVar[TaskDefaults] = {}
    """What fields, of the layer or of the run, are worth on a task if they are not given and the field's own default is
    for another task. A class says only what differs from the classes that it is made of."""

    multiples: ClassVar[FieldPairs] = {}
    """Fields whose values must be multiples of others'; as with `task_defaults`, parents' hold too."""
    at_most: ClassVar[FieldPairs] = {}
    """Fields whose values may not pass others'."""

    d_model: int = setting(
        128,
        "Width of the residual stream; for text and digits a multiple of 2 * n_heads.",
        group="model",
        ge=2,
        le=2048,
    )
    n_layers: int = setting(
        4, "Layers of the model; the more there are, the smaller a layer's outputs begin.", group="model", ge=1, le=48
    )
    n_experts: int = expert_count(8)
    d_expert: int = expert_width(128)

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """A config of so many experts, the design's other settings brought within its bounds.

        What is at most the number of experts is so here; designs with settings bounded otherwise override this.
        """
        bounded = [field for field, bound in cls._declared("at_most").items() if bound == "n_experts"]
        values = {field: min(cls.model_fields[field].default, n_experts) for field in bounded}
        return cls(**{"n_experts": n_experts, **values, **fields})

    @classmethod
    def defaults_for(cls, task: str) -> dict[str, Any]:
        """What `task_defaults` of this class and of those it is made of say of a task, the nearest class last."""
        meant: dict[str, Any] = {}
        for parent in reversed(cls.__mro__):
            meant |= vars(parent).get("task_defaults", {}).get(task, {})
        return meant

    @classmethod
    def _declared(cls, name: str) -> dict[str, str]:
        """The pairs of fields that this class and those it is made of declare under a name."""
        pairs: dict[str, str] = {}
        for parent in reversed(cls.__mro__):
            pairs |= vars(parent).get(name, {})
        return pairs

    @property
    @abstractmethod
    def active_experts(self) -> float:
        """Routed experts that one token passes through in a layer, on average where that varies."""

    def active_experts_of(self, sequences: int, tokens: int) -> float:
        """The same where it depends on how many sequences, of how many tokens each, are routed together."""
        return self.active_experts

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

    def check_task(self, task: "TaskConfig") -> None:
        """Refuse a task that these settings do not fit.

        Raises:
            ValueError: naming the field, its value and what it must be.
        """

    @model_validator(mode="after")
    def _keep_bounds_between_fields(self) -> Self:
        for field, divisor in self._declared("multiples").items():
            value, unit = getattr(self, field), getattr(self, divisor)
            if value % unit:
                raise ValueError(f"{field} = {value} must be a multiple of {divisor} = {unit}")
        for field, bound in self._declared("at_most").items():
            value, most = getattr(self, field), getattr(self, bound)
            if value > most:
                raise ValueError(f"{field} = {value} must be at most {bound} = {most}")
        return self


class AllExpertsConfig(LayerConfig):
    """Settings of designs in which all experts work on everything."""

    @property
    def active_experts(self) -> float:
        """All."""
        return self.n_experts


class TopOneConfig(LayerConfig):
    """Settings of designs in which a token chooses, or is given, one expert."""

    @property
    def active_experts(self) -> float:
        """One."""
        return 1


class TopKConfig(LayerConfig):
    """Settings of designs in which a token chooses a fixed number of experts."""

    at_most: ClassVar[FieldPairs] = {"experts_per_token": "n_experts"}

    experts_per_token: int = setting(2, "Experts that each token passes through; at most n_experts.", ge=1, le=256)

    @property
    def active_experts(self) -> float:
        """The k of top-k."""
        return self.experts_per_token


class SharedExpertsConfig(TopKConfig):
    """Settings of designs with small routed experts, beside which every token passes through shared ones."""

    d_expert: int = expert_width(64, "Hidden width of an expert.")
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


class CapacityConfig(LayerConfig):
    """Settings of designs whose experts take a limited number of tokens."""

    capacity_factor_train: float = setting(
        1.25, "In training an expert takes at most ceil(factor * tokens / n_experts) assignments a group.", gt=0, le=256
    )
    capacity_factor_eval: float = setting(2.0, "The same factor outside training.", gt=0, le=256)
    routing_group: Literal["sequence", "batch"] = setting(
        "sequence", "Tokens that share capacity and balance: each sequence alone, or the whole batch."
    )

    def capacity_factor(self, training: bool) -> float:
        """The factor that holds now."""
        return self.capacity_factor_train if training else self.capacity_factor_eval


class VocabularyConfig(LayerConfig):
    """Settings of designs that keep something for each token id."""

    vocabulary: int = setting(256, "Token ids: 256 bytes, or the words of the clustered task.", ge=1, le=1_000_000)

    def check_task(self, task: "TaskConfig") -> None:
        """The table must have a row for every token id of the task."""
        super().check_task(task)
        ids = {"text": 256, "clusters": WORDS_PER_CLUSTER * task.n_clusters}.get(task.name, 0)
        if self.vocabulary < ids:
            raise ValueError(
                f"vocabulary = {self.vocabulary} must be at least {ids}, the token ids of the {task.name} task"
            )


class DigitsConfig(LayerConfig):
    """A design whose outputs depend on all tokens of a sequence: next-byte prediction would let it read ahead."""

    tasks: ClassVar[tuple[TaskName, ...]] = ("digits", "clusters")


class TextOrDigitsConfig(LayerConfig):
    """A design made for language models, or usual in them, whose outputs depend on all tokens of a sequence."""

    tasks: ClassVar[tuple[TaskName, ...]] = ("text", "digits", "clusters")


class MultitaskConfig(LayerConfig):
    """A design that is given the task of each sequence and treats it accordingly."""

    expert_kind = "relu"
    tasks: ClassVar[tuple[TaskName, ...]] = ("multitask", "clusters")
    task_defaults: ClassVar[TaskDefaults] = {
        "multitask": {"d_expert": 16},
        # A point's task is its cluster.
        "clusters": {"cluster_unit": "sequence", "n_clusters": 16, "n_tasks": 16},
    }

    n_tasks: int = setting(
        2,
        "Tasks: regressions of the same inputs; on the clustered task at least n_clusters.",
        group="tasks",
        ge=1,
        le=64,
    )

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """With a task more than the two of the paper."""
        return super().with_experts(n_experts, **{"n_tasks": 3, **fields})

    def check_task(self, task: "TaskConfig") -> None:
        """Every cluster is a task."""
        super().check_task(task)
        if task.name == "clusters" and self.n_tasks < task.n_clusters:
            raise ValueError(f"n_tasks = {self.n_tasks} must be at least n_clusters = {task.n_clusters}")
        if task.name == "clusters" and task.cluster_unit != "sequence":
            raise ValueError("cluster_unit = 'token' must be 'sequence': this design is given the task of a sequence")


def words_of_clusters(given: Mapping[str, Any]) -> int:
    """How many words the clustered task has, for `task_defaults`."""
    n_clusters = given.get("n_clusters", 8)
    return WORDS_PER_CLUSTER * n_clusters if isinstance(n_clusters, int) else WORDS_PER_CLUSTER

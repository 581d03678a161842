"""The settings of a run: task, model, optimiser and layer, each a section; a flat mapping is sorted into them."""

import copy
import difflib
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Literal, Self, TypeVar, cast

from pydantic import BaseModel, Field, ValidationError, create_model, model_validator
from pydantic.fields import FieldInfo

from reference_impls.config.fields import STRICT, ConfigError, TaskDefaults, setting
from reference_impls.config.layer import LayerConfig, TaskName

_LEARNT = {
    "text": "the next byte of text",
    "clusters": "the label of points that come in clusters, each with a rule of its own",
    "digits": "which digit an image of 16 patches shows",
    "multitask": "several regressions of the same inputs",
}

_TASK_DEFAULTS: TaskDefaults = {
    # So narrow that one expert can hold the rule of one cluster and a dense layer cannot hold all.
    "clusters": {
        "steps": 600,
        "batch_size": 32,
        "sequence_length": 16,
        "d_model": 32,
        "n_layers": 1,
        "n_heads": 1,
        "d_expert": 8,
        "moe_every": 1,
        "learning_rate": 1e-2,
        "weight_decay": 0.0,
        "validation_every": 150,
        "routing_group": "batch",
    },
    # About seven times through the images.
    "digits": {
        "steps": 300,
        "batch_size": 32,
        "sequence_length": 16,
        "d_model": 64,
        "n_layers": 2,
        "n_heads": 4,
        "d_expert": 64,
        "moe_every": 1,
        "validation_every": 60,
        "validation_sequences": 320,
    },
    "multitask": {
        "steps": 1000,
        "batch_size": 8,
        "sequence_length": 32,
        "d_model": 32,
        "n_layers": 1,
        "n_heads": 1,
        "n_experts": 8,
        "moe_every": 1,
        "learning_rate": 1e-2,
        "weight_decay": 0.0,
        "validation_every": 250,
        "validation_sequences": 128,
    },
}


class TaskConfig(BaseModel):
    """What is learnt, and on how much data."""

    model_config = STRICT

    name: TaskName = setting("text", "What is learnt.", group="run")
    sequence_length: int = setting(
        256,
        "Tokens of each sequence: bytes that the model predicts, or points of the clustered task.",
        group="batches and optimiser",
        unit="tokens",
        ge=8,
        le=2048,
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
        60, "Steps between validations; the last step is always validated.", group="run", unit="steps", ge=1, le=100_000
    )
    validation_sequences: int = setting(
        64,
        "Held-out sequences scored at each validation, spread evenly over the domains.",
        group="run",
        unit="sequences",
        ge=4,
        le=4096,
    )


class RegressionsConfig(TaskConfig):
    """Of designs for several tasks: regressions as related as one likes."""

    task_correlation: float = setting(
        0.5,
        "Cosine of the directions that the labels of two tasks depend on: 0 unrelated, 1 the same task.",
        group="tasks",
        ge=0,
        le=1,
    )
    n_sines: int = setting(
        4, "Sines added to the linear part of a label, of rising frequency.", group="tasks", ge=0, le=32
    )
    label_noise: float = setting(0.01, "Standard deviation of the noise on a label.", group="tasks", ge=0, le=10)


class ModelConfig(BaseModel):
    """What stands around the layers; their width and number are the layer's settings."""

    model_config = STRICT

    n_heads: int = setting(4, "Attention heads in each layer.", group="model", ge=1, le=64)
    moe_every: int = setting(
        1,
        "Every how many layers the feed-forward has experts (2: layers 1, 3, ... from 0).",
        group="model",
        ge=1,
        le=48,
    )


class OptimiserConfig(BaseModel):
    """Steps of AdamW."""

    model_config = STRICT

    steps: int = setting(240, "Optimiser steps.", group="batches and optimiser", unit="steps", ge=1, le=100_000)
    batch_size: int = setting(8, "Sequences in a batch.", group="batches and optimiser", unit="sequences", ge=1, le=512)
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


class RunConfig(BaseModel):
    """Everything that a run depends on.

    Beside sections (`{"optimiser": {"steps": 100}}`) it takes their fields by name alone (`{"steps": 100}`), as
    command lines, configs of earlier versions and quick calls write them; `task` alone is the task's name.
    """

    model_config = STRICT

    task: TaskConfig = Field(default_factory=TaskConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    optimiser: OptimiserConfig = Field(default_factory=OptimiserConfig)
    layer: LayerConfig
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

    sections: ClassVar[tuple[str, ...]] = ("task", "model", "optimiser", "layer")

    @classmethod
    def layer_class(cls) -> type[LayerConfig]:
        """The settings of the design's layer."""
        return cast(type[LayerConfig], cls.model_fields["layer"].annotation)

    @classmethod
    def tasks(cls) -> tuple[str, ...]:
        """What this design can be trained on, the default first."""
        return cls.layer_class().tasks

    @classmethod
    def flat_fields(cls) -> dict[str, FieldInfo]:
        """Every field by its name alone; the task's name is `task`."""
        return {name: field for name, (_, field) in _places(cls).items()}

    def flat(self) -> dict[str, Any]:
        """Every value by its name alone."""
        values = self.model_dump(mode="json")
        return {
            name: values[section][name if name != "task" else "name"] if section else values[name]
            for name, (section, _) in _places(type(self)).items()
        }

    def with_values(self, **values: Any) -> Self:
        """The same run but for these fields, named alone."""
        return type(self)(**(self.flat() | values))

    def is_moe_layer(self, layer: int) -> bool:
        """Whether layer `layer` (from 0) has experts: the last of each group of `moe_every`."""
        return layer % self.model.moe_every == self.model.moe_every - 1

    @classmethod
    def defaults_for(cls, task: str) -> dict[str, Any]:
        """What fields, by name alone, are worth on a task where they are not given."""
        return {**_TASK_DEFAULTS.get(task, {}), **cls.layer_class().defaults_for(task)}

    @model_validator(mode="before")
    @classmethod
    def _sort_into_sections(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        places = _places(cls)
        sorted_: dict[str, Any] = {}
        given: dict[str, Any] = {}
        for name, value in values.items():
            if name in cls.sections and isinstance(value, BaseModel):
                value = {field: getattr(value, field) for field in value.model_fields_set}
            if name in cls.sections and isinstance(value, Mapping):
                section = sorted_.setdefault(name, {})
                twice = sorted(section.keys() & value.keys())
                section |= value
                given |= {("task" if (name, field) == ("task", "name") else field): value[field] for field in value}
            elif name in places and places[name][0]:
                section = sorted_.setdefault(places[name][0], {})
                field = "name" if name == "task" else name
                twice = [field] if field in section else []
                section[field] = value
                given[name] = value
            else:
                sorted_[name], twice = value, []
            if twice:
                raise ValueError(f"{twice[0]} is given twice, alone and in its section; give it once")
        task = given.get("task", cls.tasks()[0])
        for name, value in (cls.defaults_for(task) if isinstance(task, str) else {}).items():
            if name in places and name not in given:
                section = sorted_.setdefault(places[name][0], {})
                if isinstance(section, dict):
                    section[name] = value(given) if callable(value) else value
        return sorted_

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        layer, model = self.layer, self.model
        if self.task.name in ("text", "digits") and layer.d_model % (2 * model.n_heads):
            raise ValueError(
                f"d_model = {layer.d_model} must be a multiple of 2 * n_heads = {2 * model.n_heads} "
                "(each head rotates pairs of coordinates)"
            )
        if model.moe_every > layer.n_layers:
            raise ValueError(
                f"moe_every = {model.moe_every} must be at most n_layers = {layer.n_layers}, or no layer has experts"
            )
        layer.check_task(self.task)
        return self


@cache
def run_config(layer_class: type[LayerConfig]) -> type[RunConfig]:
    """The settings of a run of the design whose layer has these settings."""
    tasks = layer_class.tasks
    base = RegressionsConfig if "multitask" in tasks else TaskConfig
    learnt = ", or ".join(_LEARNT[name] for name in tasks)
    name_field = Field(
        default=tasks[0],
        description=f"What is learnt: {learnt}.",
        # A choice of one would be a constant in the schema, which forms do not show.
        json_schema_extra={"group": "run", "enum": list(tasks)},
    )
    task = create_model("TaskConfig", __base__=base, name=cast(Any, (Literal[tasks], name_field)))
    parts: dict[str, Any] = {"task": task, "layer": layer_class}
    for section, section_class in (("model", ModelConfig), ("optimiser", OptimiserConfig)):
        fields = section_class.model_fields
        changed = {name: value for name, value in layer_class.run_defaults.items() if name in fields}
        overrides: dict[str, Any] = {
            name: (fields[name].annotation, _with_default(fields[name], value)) for name, value in changed.items()
        }
        parts[section] = create_model(section_class.__name__, __base__=section_class, **overrides)
    made = {name: (part, Field(default_factory=part)) for name, part in parts.items()}
    return create_model(f"{layer_class.__name__}Run", __base__=RunConfig, **cast(Any, made))


def _with_default(field: FieldInfo, value: Any) -> Any:
    changed = copy.deepcopy(field)
    changed.default = value
    changed._attributes_set["default"] = value
    return changed


@cache
def _places(run_class: type[RunConfig]) -> dict[str, tuple[str, FieldInfo]]:
    """For each field's name alone its section ("" for none) and the field."""
    places: dict[str, tuple[str, FieldInfo]] = {}
    for name, field in run_class.model_fields.items():
        if name in run_class.sections:
            section_class = cast(type[BaseModel], field.annotation)
            for inner, inner_field in section_class.model_fields.items():
                places["task" if (name, inner) == ("task", "name") else inner] = (name, inner_field)
        else:
            places[name] = ("", field)
    return places


Config = TypeVar("Config", bound=BaseModel)
#: Of a config that may be anything, what one message tells.
MOST_FAULTS, LONGEST_NAME = 24, 60


def check_config(config_class: type[Config], values: Any) -> Config:
    """Build a config from plain values, strictly typed ("8" is not 8).

    Raises:
        ConfigError: naming every wrong field, its bound and its default, in one line.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"the config must be an object of fields and values, not {type(values).__name__}")
    try:
        return config_class.model_validate(dict(values), strict=True)
    except ValidationError as error:
        wrong = error.errors()
        told = [_describe(config_class, item) for item in wrong[:MOST_FAULTS]]
        if more := len(wrong) - len(told):
            told.append(f"and {more:,} more")
        raise ConfigError("; ".join(told)) from None


def _describe(config_class: type[BaseModel], item: Any) -> str:
    if item["type"] == "value_error":  # A check across fields words its own message.
        return str(item["msg"]).removeprefix("Value error, ")
    path = tuple(str(part) for part in item["loc"])
    field = "task" if path == ("task", "name") else path[-1]
    known = config_class.flat_fields() if issubclass(config_class, RunConfig) else config_class.model_fields
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field[:LONGEST_NAME], known, n=1)
        hint = f"did you mean {near[0]}?" if near else "known: " + ", ".join(known)
        return f"{field[:LONGEST_NAME]} is not a field of this config ({hint})"
    rule = str(item["msg"])
    rule = rule[0].lower() + rule[1:]
    shown = repr(item["input"])
    shown = shown if len(shown) <= 40 else shown[:37] + "..."
    default = f" (default {known[field].default!r})" if field in known else ""
    return f"{field} = {shown}: {rule}{default}"

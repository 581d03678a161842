"""Forms made from config classes."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from fake_package.entries import DemoConfig
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from moe_kb.lab import FormField, config_from_form, flat_settings, form_fields, form_from_config


class Activation(Enum):
    RELU = "relu"
    GELU = "gelu"


class Router(BaseModel):
    """How tokens choose."""

    experts: int = Field(8, ge=2, lt=65, description="How many experts.", json_schema_extra={"unit": "experts"})
    jitter: float = Field(0.01, gt=0, lt=1)


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")

    learning_rate: float = Field(3e-4, gt=0, le=0.1, description="Step size of Adam.")
    width: int = Field(128, ge=16, multiple_of=16, json_schema_extra={"group": "Model"})
    top_k: Literal[1, 2] = 1
    activation: Activation = Activation.RELU
    renormalise: bool = Field(True, title="Renormalise the weights")
    name: str
    limit: PositiveInt | None = None
    layers: tuple[int, ...] = (0, 2)
    seed: Annotated[int, Field(ge=0)] = 0
    router: Router = Router(experts=4)
    fixed: Literal["sgd"] = "sgd"
    mixed: int | str = 3
    zero: float = 0.0


def field(name: str) -> FormField:
    return next(field for field in form_fields(Config) if field.name == name)


def test_every_setting_has_a_field_in_order() -> None:
    names = [
        *("learning_rate", "width", "top_k", "activation", "renormalise", "name", "limit", "layers", "seed"),
        *("router.experts", "router.jitter", "fixed", "mixed", "zero"),
    ]
    assert [field.name for field in form_fields(Config)] == names


def test_numbers_carry_bounds_steps_units_and_help() -> None:
    rate = field("learning_rate")
    assert (rate.kind, rate.label, rate.default, rate.help) == (
        "float", "Learning rate", 3e-4, "Step size of Adam.",
    )  # fmt: skip
    assert (rate.minimum, rate.minimum_exclusive, rate.maximum, rate.maximum_exclusive) == (0, True, 0.1, False)
    assert rate.step == pytest.approx(1e-5)
    assert rate.allowed() == "a number above 0 to 0.1"
    experts = field("router.experts")
    assert (experts.kind, experts.minimum, experts.maximum, experts.maximum_exclusive) == ("int", 2, 64, False)
    assert (experts.unit, experts.help, experts.step) == ("experts", "How many experts.", 1)
    assert experts.allowed() == "a whole number from 2 to 64 (experts)"
    assert (field("width").step, field("width").group) == (16, "Model")
    assert (field("limit").minimum, field("limit").kind) == (1, "int"), "above 0 is from 1 for whole numbers"
    assert field("zero").step == 0.01


def test_choices_keep_their_types() -> None:
    assert (field("top_k").kind, field("top_k").choices, field("top_k").default) == ("choice", (1, 2), 1)
    assert field("activation").choices == ("relu", "gelu")
    assert field("activation").default == "relu"
    assert field("fixed").choices == ("sgd",)
    assert field("top_k").allowed() == "one of 1, 2"


def test_texts_switches_required_and_optional() -> None:
    assert (field("renormalise").kind, field("renormalise").label) == ("bool", "Renormalise the weights")
    assert (field("name").kind, field("name").required, field("name").default) == ("text", True, None)
    assert (field("limit").optional, field("limit").required, field("limit").default) == (True, False, None)


def test_nested_models_are_groups_with_the_defaults_of_the_outer_one() -> None:
    assert (field("router.experts").group, field("router.experts").default) == ("Router", 4)
    assert field("router.jitter").label == "Jitter"


def test_what_has_no_simple_input_is_json() -> None:
    assert (field("layers").kind, field("layers").as_json, field("layers").default) == ("text", True, "[0, 2]")
    assert field("mixed").as_json


def test_the_defaults_of_a_form_make_a_valid_config() -> None:
    fields = form_fields(Config)
    values = {field.name: field.default for field in fields} | {"name": "mine", "router.experts": 6}
    config = Config.model_validate(config_from_form(fields, values))
    assert config == Config(name="mine", router=Router(experts=6))
    demo = form_fields(DemoConfig)
    assert DemoConfig.model_validate(config_from_form(demo, {f.name: f.default for f in demo})) == DemoConfig()


@pytest.mark.parametrize("text", ["[1,", "1, 2", ""])
def test_text_that_is_not_json_is_left_for_the_validation(text: str) -> None:
    built: dict[str, Any] = config_from_form(form_fields(Config), {"layers": text})
    assert built == {"layers": text}


class Tasked(BaseModel):
    task: Literal["text", "digits"] = "text"
    steps: int = Field(100, ge=1)
    router: Router = Router()
    layers: tuple[int, ...] = (0,)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        meant = {"steps": 30, "router": {"experts": 2}, "layers": [1, 2]} if values.get("task") == "digits" else {}
        return meant | values


def test_what_is_given_changes_the_defaults_of_the_rest() -> None:
    def defaults(**given: object) -> dict[str, object]:
        return {field.name: field.default for field in form_fields(Tasked, given)}

    assert defaults() == {
        "task": "text", "steps": 100, "router.experts": 8, "router.jitter": 0.01, "layers": "[0]",
    }  # fmt: skip
    assert defaults(task="digits") == {
        "task": "digits", "steps": 30, "router.experts": 2, "router.jitter": 0.01, "layers": "[1, 2]",
    }  # fmt: skip
    assert defaults(task="no such task")["steps"] == 100, "refused, so the fields' own"
    assert form_fields(Config, {"seed": 4}) == form_fields(Config), "it cannot be built from that alone"


def test_a_config_becomes_the_values_of_the_form_again() -> None:
    fields = form_fields(Tasked)
    config = Tasked(steps=7, router=Router(experts=5), layers=(3, 4)).model_dump(mode="json")
    values = form_from_config(fields, config)
    assert values == {"task": "text", "steps": 7, "router.experts": 5, "router.jitter": 0.01, "layers": "[3, 4]"}
    assert config_from_form(fields, values) == config


def test_what_an_input_cannot_hold_is_left_out() -> None:
    told = {
        "task": "music", "steps": 0, "router": {"experts": 6.5, "jitter": True}, "layers": None, "gone": 1,
    }  # fmt: skip
    assert form_from_config(form_fields(Tasked), told) == {}
    assert form_from_config(form_fields(Config), {"limit": None, "renormalise": "no", "name": 3}) == {"limit": None}


def test_settings_of_sections_keep_their_names():
    nested = {"task": {"name": "text", "n": 1}, "layer": {"n": 2, "k": 3}, "seed": 0}
    assert flat_settings(nested) == {"task": "text", "n": 1, "layer.n": 2, "k": 3, "seed": 0}
    assert flat_settings({"task": "text", "seed": 0}) == {"task": "text", "seed": 0}


class Task(BaseModel):
    name: Literal["a", "b"] = "a"


class Sections(BaseModel):
    task: Task = Field(default_factory=Task)
    width: int = 3


def test_a_flat_config_fills_nested_fields():
    fields = form_fields(Sections)
    assert [(field.name, field.short) for field in fields] == [("task.name", "task"), ("width", "width")]
    assert form_from_config(fields, {"task": "b", "width": 4}) == {"task.name": "b", "width": 4}
    assert form_from_config(fields, {"task": {"name": "b"}}) == {"task.name": "b"}

"""The committed JSON Schema and the reader accept the same events."""

from __future__ import annotations

import json
import math
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from moe_kb.lab.event_schema import SCHEMA_FILE, schema_text
from moe_kb.lab.events import EVENT

VALIDATOR = Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
MANY = settings(max_examples=100, deadline=None)

texts = st.text(max_size=10)
names = st.text(string.ascii_lowercase + "_/0123456789", min_size=1, max_size=8)
numbers = st.one_of(st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False))
counts = st.integers(0, 10**15)
seconds = st.floats(0, 1e9)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
measures = st.dictionaries(names, st.none() | numbers, max_size=4)


def event(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    common = {"v": st.just(1), "t": numbers, "type": st.just(kind)}
    return st.fixed_dictionaries({**common, **fields})


EVENTS = st.one_of(
    event(
        "start",
        implementation=texts,
        config=st.dictionaries(names, plain, max_size=4),
        task=texts,
        steps=counts,
        device=texts,
        threads=counts,
        versions=st.dictionaries(names, texts, max_size=3),
        params_total=counts,
        params_active=counts,
    ),
    event("progress", step=counts, steps=counts, seconds=seconds, eta_seconds=st.none() | seconds),
    event(
        "metrics",
        step=counts,
        split=st.sampled_from(["train", "valid"]),
        values=measures,
        loads=st.dictionaries(names, st.lists(numbers, max_size=4), max_size=3),
    ),
    event("message", level=st.sampled_from(["info", "warning"]), text=texts),
    event(
        "end",
        status=st.sampled_from(["completed", "cancelled", "failed"]),
        seconds=seconds,
        summary=measures,
        error=st.none() | texts,
    ),
)


def accepted(value: object) -> bool:
    try:
        EVENT.validate_json(json.dumps(value))
    except ValidationError:
        return False
    return True


def test_the_committed_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run: python -m moe_kb.lab.event_schema"
    Draft202012Validator.check_schema(VALIDATOR.schema)


@MANY
@given(value=EVENTS)
def test_events_meet_the_schema_and_come_back_as_they_were(value: dict[str, Any]) -> None:
    VALIDATOR.validate(value)
    read = EVENT.validate_json(json.dumps(value))
    back = json.loads(EVENT.dump_json(read, exclude_unset=True))
    VALIDATOR.validate(back)
    assert back == value


# Integral floats are left out: 1.0 is an integer to JSON Schema, and a float to the reader, which asks for 1.
ODD = st.one_of(plain, st.floats(-5, 5).filter(lambda x: not x.is_integer()), st.just(-1), st.just({"a": [1]}))


@MANY
@given(value=EVENTS, data=st.data())
def test_schema_and_reader_refuse_the_same_damage(value: dict[str, Any], data: st.DataObject) -> None:
    damaged = dict(value)
    field = data.draw(st.sampled_from([*value, "extra"]))
    if data.draw(st.booleans()):
        damaged.pop(field, None)
    else:
        damaged[field] = data.draw(ODD)
    assert accepted(damaged) == VALIDATOR.is_valid(damaged)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(value: float) -> None:
    event = {"v": 1, "t": 0, "type": "metrics", "step": 1, "split": "valid", "values": {"loss": value}}
    assert not accepted(event)
    assert accepted({**event, "values": {"loss": None}})

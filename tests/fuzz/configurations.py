"""Configurations: released `config.json` files with their text, names or values changed, into records."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

from config_files import RELEASED
from fuzz.harness import Attempt
from fuzz.text import SIGNS, text_of

from moe_kb import yamlio
from moe_kb.errors import YamlError
from moe_kb.importing import RefusedError, read_config
from moe_kb.importing.family import common, families
from moe_kb.importing.records import ImportNameError, Origin, label_of, model_record, source_record
from moe_kb.records import Model
from moe_kb.sizing import UnsizedError, size

#: Values that a field should not have, or hardly.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 7, 64, 1000, 9_999, 10_000, 10_001, 10**9, 10**12, 2**53 + 1, 2**63, 10**15,
    -(10**15), 10**18, 0.0, -0.0, 0.5, -1.5, 1e-308, 1e308, -1e308, float("nan"), float("inf"), "", "0", "16", "1,2,3",
    "NaN", "silu", "full_attention", "linear_attention", "sliding_attention", "moe", "M", "*", "E", [], {}, [[]], [{}],
    [None], [0], [1, 2], ["full_attention"], {"": 0}, {"0": {}}, {"00": 1, "0": 2},
)  # fmt: skip
#: Text in place of a value: no JSON, hardly JSON, or JSON that costs.
RAW = (
    "", "nul", "+1", "01", "1.", ".5", "1e", "1e999", "-1e999", "0e999999999", "9" * 400, "1" * 5_000, "NaN", "/**/",
    "0." + "1" * 5_000, "1" * 90 + ".5", "[" * 2_000, '{"a":' * 500, "-Infinity", '"\\ud800"', '"\\u0000"', '"unclosed',
)  # fmt: skip
#: Processor seconds that an input may take; most take some thousandths.
LIMIT = 2.0


@contextmanager
def configurations(folder: Path) -> Iterator[Attempt]:
    """Changed configurations: an exact size and a record that reads back the same, or a refusal that is short."""
    contents = {name: json.loads(text) for name, text in RELEASED.items()}
    names = sorted({field for config in contents.values() for field in _fields(config)} | set(common().harmless))
    types = sorted(families())

    def attempt(random: Random) -> str:
        text = _text(random, json.loads(RELEASED[random.choice(list(RELEASED))]), names, types)
        begun = time.process_time()
        try:
            return _tried(text)
        finally:
            spent = time.process_time() - begun
            assert spent < LIMIT, f"{spent:.1f} s for {len(text):,} characters: {text[:500]}"

    yield attempt


def _tried(text: str | bytes) -> str:
    try:
        imported = read_config(text, source="a-config")
        found = size(imported.architecture)
    except RefusedError as error:
        _must_be_short(error.reasons)
        return "refused"
    except UnsizedError as error:
        _must_be_short(error.missing)
        return "not sized"
    total = found.parameters.total
    assert type(total) is int
    assert 0 < found.parameters.active <= total <= 10**18
    json.dumps(found.as_dict(), allow_nan=False)
    try:
        label = label_of(found.parameters)
        model = model_record("a-model", "A model", label, imported)
        source_record("a-config", Origin("A model"))
        written = yamlio.canonical_text(model)
        again = Model.model_validate(yamlio.parse(written))
    except (ImportNameError, YamlError):
        return "no record"
    assert again == model
    (configuration,) = again.configurations
    assert configuration.architecture is not None
    assert size(configuration.architecture).parameters.total == total
    return "sized"


def _must_be_short(reasons: tuple[str, ...]) -> None:
    assert reasons
    assert len(reasons) <= 41
    for reason in reasons:
        assert len(reason) < 2_000
        assert reason.isprintable()


def _text(random: Random, config: dict[str, Any], names: list[str], types: list[str]) -> str | bytes:
    """A configuration changed in a few places, as values and then as text."""
    for _ in range(random.choice((0, 1, 1, 1, 2, 3, 8))):
        _change(random, config, names, types)
    text = json.dumps(config)
    dice = random.random()
    if dice < 0.6:
        return text
    if dice < 0.75:  # a value becomes something that json.dumps would not write
        places = [match.span(1) for match in re.finditer(r": (-?[\d.]+|true|false|null|\"[^\"]*\")", text)]
        start, end = random.choice(places) if places else (0, 0)
        return text[:start] + random.choice(RAW) + text[end:]
    if dice < 0.9:  # a piece is lost, doubled or replaced
        start = random.randrange(len(text))
        end = min(len(text), start + random.choice((1, 1, 3, 20, 200)))
        return text[:start] + random.choice(("", text[start:end] * 2, random.choice(SIGNS))) + text[end:]
    if dice < 0.98:
        raw = bytearray(text.encode())
        for _ in range(random.randrange(1, 4)):
            raw[random.randrange(len(raw))] = random.randrange(256)
        return bytes(raw)
    return _large(random, text)


def _large(random: Random, text: str) -> str:
    """Much of one thing, after the fields of a configuration; the number is of what is written, not of bytes."""
    number = random.choice((1_000, 50_000, 290_000))
    many = {
        "fields": lambda: ", ".join(f'"field{n}": {n}' for n in range(number)),
        "one twice": lambda: ", ".join(f'"field{n}": 0' for n in range(number)) + f', "field{number // 2}": 0',
        "all twice": lambda: ", ".join(f'"field{n // 2}": 0' for n in range(number)),
        "a list": lambda: '"layer_types": [' + ", ".join(["1"] * number) + "]",
        "objects": lambda: '"rope_scaling": [' + ", ".join(["{}"] * number) + "]",
        "depth": lambda: '"rope_scaling": ' + "[" * min(number, 900) + "]" * min(number, 900),
        "a text": lambda: f'"hidden_act": "{"x" * number}"',
        "a number": lambda: f'"vocab_size": {"7" * number}',
        "digits": lambda: f'"rope_theta": 0.{"7" * number}',
        "a name": lambda: f'"{"n" * number}": 0',
    }
    return f"{text[:-1]}, {many[random.choice(list(many))]()}}}"


def _change(random: Random, config: dict[str, Any], names: list[str], types: list[str]) -> None:
    """Change one field, at any depth."""
    inside = [inner for inner in config.values() if isinstance(inner, dict) and inner]
    if inside and random.random() < 0.3:
        _change(random, random.choice(inside), names, types)
        return
    field = random.choice(list(config)) if config else "model_type"
    value, dice = config.get(field), random.random()
    if dice < 0.15:
        config.pop(field, None)
    elif dice < 0.45:
        config[field] = _odd(random)
    elif dice < 0.65:
        config[field] = _near(random, value)
    elif dice < 0.72:
        config["model_type"] = random.choice(types)
    elif dice < 0.82:
        config[random.choice(names)] = random.choice((value, _odd(random)))
    elif dice < 0.9:
        other = random.choice(list(config)) if config else field
        config[field], config[other] = config.get(other), value
    elif dice < 0.95:
        config[text_of(random, names)] = _odd(random)
    else:
        layers = random.choice((1, 5, 500, 5_000, 10_000))
        for name, old in list(config.items()):
            if name in ("num_hidden_layers", "num_layers", "n_layers"):
                config[name] = layers
            elif isinstance(old, list | str) and len(old) > (4 if isinstance(old, list) else 24):
                config[name] = (old * (layers // len(old) + 1))[:layers]


def _odd(random: Random) -> Any:
    return deepcopy(random.choice(ODD))  # it may be changed in its turn


def _near(random: Random, value: Any) -> Any:
    """A value that is nearly the one given, so that most of the file goes on fitting."""
    if isinstance(value, bool) or value is None:
        return random.choice((not value, 0, 1, "true"))
    if isinstance(value, int | float):
        return random.choice(
            (value + 1, value - 1, value * 2, value // 2, -value, value * 1000, float(value), str(value))
        )
    if isinstance(value, str):
        return random.choice((value.upper(), value[1:], value * 2, value[::-1], [value], value + "\u202e"))
    if isinstance(value, list) and value:
        place = random.randrange(len(value))
        changed = [*value[:place], random.choice((_odd(random), random.choice(value))), *value[place + 1 :]]
        return random.choice((changed, value[1:], value * 2, value[::-1], [value], value[place]))
    return _odd(random)


def _fields(config: dict[str, Any]) -> Iterator[str]:
    for name, value in config.items():
        yield name
        if isinstance(value, dict):
            yield from _fields(value)

"""One field of an exactly counted configuration is changed: the audit notices, and is silent where nothing changed."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from databases import sql_rows
from pydantic import ValidationError

from moe_kb.audit.sizes import check_configuration
from moe_kb.claims.claim import Claim
from moe_kb.records import Architecture, Configuration

pytestmark = pytest.mark.integration

#: Fields that are claimed of layers, wherever in an architecture they stand.
_FIELDS = (
    "d_model vocab_size n_routed_experts experts_per_token d_expert d_ffn n_heads n_kv_heads d_head kv_rank q_rank"
)
FIELDS = _FIELDS.split()
_SWAPS = """d_model d_expert, d_expert d_ffn, n_heads d_head, n_heads n_kv_heads, n_routed_experts experts_per_token,
n_routed_experts n_heads"""
SWAPS = [pair.split() for pair in _SWAPS.split(",")]
Json = dict[str, Any]


def rewritten(value: Any, change: Callable[[Json], Json]) -> Any:
    """Plain data with every mapping in it changed."""
    if isinstance(value, dict):
        return change({name: rewritten(item, change) for name, item in value.items()})
    return [rewritten(item, change) for item in value] if isinstance(value, list) else value


def scaled(field: str, factor: float, part: Json) -> Json:
    value = part.get(field)
    return {**part, field: int(value * factor)} if isinstance(value, int) and not (value * factor) % 1 else part


def exchanged(values: dict[str, tuple[int, int]], part: Json) -> Json:
    return {**part, **{field: new for field, (old, new) in values.items() if part.get(field) == old}}


def without_shared(part: Json) -> Json:
    return {name: item for name, item in part.items() if name != "shared"}


def with_shared(part: Json) -> Json:
    if part.get("kind") != "moe":
        return part
    shared = part.get("shared") or {"count": 0, "d_expert": part["d_expert"]}
    return {**part, "shared": {**shared, "count": shared["count"] + 1}}


def values_of(data: Any, field: str) -> set[int]:
    found: set[int] = set()

    def note(part: Json) -> Json:
        if isinstance(part.get(field), int):
            found.add(part[field])
        return part

    rewritten(data, note)
    return found


def mutations(data: Json) -> Iterator[tuple[str, Json]]:
    """Every change of a single claimed field, shared experts, or two fields for each other."""
    for field in FIELDS:
        for factor in (2, 0.5):
            yield f"{field} x {factor}", rewritten(data, partial(scaled, field, factor))
    yield "layers x 2", rewritten(data, lambda part: scaled("repeat", 2, part) if "sublayers" in part else part)
    yield "shared dropped", rewritten(data, without_shared)
    yield "shared added", rewritten(data, with_shared)
    for left, right in SWAPS:
        a, b = values_of(data, left), values_of(data, right)
        if len(a) == len(b) == 1:
            (first,), (second,) = a, b
            values = {left: (first, second), right: (second, first)}
            yield f"{left} <-> {right}", rewritten(data, partial(exchanged, values))


@pytest.fixture(scope="module")
def counted(real_kb) -> list[tuple[str, Configuration, list[Claim]]]:
    """Configurations whose sizes have been counted, with the total and the active size."""
    rows = sql_rows(real_kb, "SELECT record, label, architecture FROM configurations WHERE architecture IS NOT NULL")
    exact = {row["key"] for row in sql_rows(real_kb, "SELECT key FROM sources WHERE type = 'count'")}
    found = []
    for row in rows:
        architecture = Architecture.model_validate_json(row["architecture"])
        claims = [
            claim
            for claim in real_kb.claims(row["record"], configuration=row["label"])
            if claim.field in ("params_total", "params_active") and claim.source in exact
        ]
        if claims:
            configuration = Configuration(label=row["label"], architecture=architecture)
            found.append((f"{row['record']} {row['label']}", configuration, claims))
    return found


def test_the_unchanged_configurations_give_no_issue(counted, real_kb):
    assert len(counted) >= 46
    assert [name for name, configuration, claims in counted if check_configuration(configuration, claims)] == []
    exact = {row["key"] for row in sql_rows(real_kb, "SELECT key FROM sources WHERE type = 'count'")}
    found = real_kb.audit(rule="sizes/described-shape")
    assert [f.id for f in found if exact & set(f.cited)] == []


def test_nine_in_ten_single_changes_are_flagged(counted):
    made, unseen = 0, []
    for name, configuration, claims in counted:
        assert configuration.architecture is not None
        data = json.loads(configuration.architecture.model_dump_json(exclude_defaults=True, exclude_none=True))
        for what, changed in mutations(data):
            if changed == data:
                continue
            try:
                architecture = Architecture.model_validate(changed)
            except ValidationError:
                continue  # more chosen than there are: the schema refuses it, and no audit is needed
            made += 1
            other = configuration.model_copy(update={"architecture": architecture})
            if not check_configuration(other, claims, explain=False):
                unseen.append(f"{name}: {what}")
    assert made > 900
    assert len(unseen) <= 0.1 * made, unseen

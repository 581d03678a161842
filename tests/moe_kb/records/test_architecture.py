"""Eight architectures that are hard to say, each small and made up, and what a wrong one is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from moe_kb import yamlio
from moe_kb.corpus import validate
from moe_kb.records.architecture import Architecture
from moe_kb.records.base import stored
from moe_kb.records.sublayers import MATRICES, Dense, Expression, Mixture

Data = dict[str, Any]

#: By what is hard to say of each: layers, layers with experts, and the architecture.
SAID: dict[str, list[Any]] = yaml.safe_load("""
parts:
- &attention {kind: attention, n_heads: 4, n_kv_heads: 2, d_head: 8}
- &cross {kind: attention, n_heads: 4, d_head: 8, cross: true}
- &latent {kind: mla, n_heads: 4, q_rank: 12, kv_rank: 8, d_nope: 6, d_rope: 2, d_value: 6}
- &mamba {kind: mamba, d_state: 4, d_conv: 3, expand: 2, dt_rank: 2}
- &dense {kind: dense, d_ffn: 64, activation: swiglu}
- &moe {kind: moe, n_routed_experts: 8, experts_per_token: 2, d_expert: 16, activation: swiglu}
- &unknown {kind: unknown}
latent attention, group-limited router:
- 5
- 3
- n_mtp_layers: 1
  decoder:
    groups:
    - {repeat: 2, sublayers: [*latent, *dense]}
    - repeat: 3
      sublayers:
      - *latent
      - {<<: *moe, shared: {count: 1, d_expert: 16}, router: {design: grouped-router, score: sigmoid,
         order: score-then-topk, renormalise: true, scale: 2.5, selection_bias: true, n_groups: 4, top_groups: 2,
         group_score: top2-sum}}
encoder and decoder:
- 10
- 5
- tied_embeddings: true
  encoder: {groups: [{repeat: 2, groups: [{sublayers: [*attention, *dense]}, {sublayers: [*attention, *moe]}]}]}
  decoder:
    groups:
    - {repeat: 3, groups: [{sublayers: [*attention, *cross, *dense]}, {sublayers: [*attention, *cross, *moe]}]}
hybrid of attention and state space:
- 24
- 12
- decoder:
    groups:
    - repeat: 4
      groups:
      - {repeat: 2, groups: [{sublayers: [*mamba, *dense]}, {sublayers: [*mamba, *moe]}]}
      - sublayers: [*attention, *dense]
      - sublayers: [*mamba, *moe]
latent experts in layers of one sublayer:
- 3
- 1
- decoder:
    groups:
    - sublayers: [{kind: mamba2, d_state: 4, n_heads: 2, d_head: 8, n_groups: 2}]
    - sublayers: [{<<: *moe, activation: relu2, d_latent: 8, shared: {count: 1, d_expert: 24}}]
    - sublayers: [*attention]
lists with one entry a layer:
- 3
- 3
- decoder:
    groups:
    - sublayers: [*attention, {<<: *moe, experts_per_token: 1, d_expert: 8}]
    - sublayers: [*attention, {<<: *moe, experts_per_token: 2, shared: {count: 1, d_expert: 16}}]
    - sublayers: [*attention, {<<: *moe, experts_per_token: 4, shared: {count: 2, d_expert: 16}}]
zero experts on a shortcut:
- 2
- 2
- decoder:
    groups:
    - repeat: 2
      sublayers: [*latent, *dense, *latent, *dense, {<<: *moe, experts_per_token: 10, input_of: 2,
                  zero: {count: 4, kind: identity}, router: {selection_bias: true}}]
counts of layers without their places:
- 24
- 12
- stack:
    order: unknown
    groups:
    - {repeat: 12, sublayers: [*unknown, {<<: *dense, d_ffn: {printed: 4*d_model, value: 128}}]}
    - {repeat: 10, sublayers: [*unknown, {<<: *moe, n_routed_experts: 32, experts_per_token: 1,
       d_expert: {printed: d_ffn}, shared: {count: 1, d_expert: 128}}]}
    - {repeat: 2, sublayers: [*unknown, {<<: *moe, n_routed_experts: 64, experts_per_token: 1,
       d_expert: {printed: d_ffn}, shared: {count: 1, d_expert: 128}}]}
capacity and a random second expert:
- 1
- 1
- decoder:
    groups:
    - sublayers:
      - *attention
      - {<<: *moe, activation: relu, router: {design: two-expert-gate, score: softmax, second_expert: random,
         group_size: 64, capacity_factor: 2.0, capacity_factor_eval: 1.25, min_capacity: 4, drop_tokens: true,
         jitter: 0.01, note: The second expert is kept with twice its weight as probability.}}
mixers of other kinds:
- 2
- 0
- decoder:
    groups:
    - sublayers: [{kind: compressed-attention, n_heads: 4, d_head: 16, d_rope: 4, q_rank: 8, window: 16, ratio: 4,
                   o_groups: 2, o_rank: 8, indexer: {n_heads: 2, d_head: 4, top_k: 8}}]
    - sublayers: [{kind: attention-experts, n_routed_experts: 4, experts_per_token: 2, n_heads: 2, n_kv_heads: 2,
                   d_head: 8, router: {order: topk-then-score}}]
""")
ATTENTION, *_, DENSE, MOE, _ = SAID.pop("parts")
NAMED = {"source": "made-up-config", "locator": "config.json", "d_model": 32}


def read(name: str) -> Architecture:
    return Architecture.model_validate(NAMED | SAID[name][2])


@pytest.mark.parametrize("name", SAID)
def test_architectures_are_kept_without_loss(name: str) -> None:
    n_layers, n_moe_layers, _ = SAID[name]
    first = read(name)
    text = yamlio.canonical_text(first)
    again = Architecture.model_validate(yamlio.parse(text))
    assert again == first
    assert yamlio.canonical_text(again) == text
    assert sum(stack.n_layers for stack in again.stacks.values()) == n_layers
    assert sum(stack.n_moe_layers for stack in again.stacks.values()) == n_moe_layers


def test_layers_come_in_order_written_out() -> None:
    decoder = read("hybrid of attention and state space").decoder
    assert decoder is not None
    kinds = [tuple(sublayer.kind for sublayer in layer) for layer in decoder.layers()]
    period = [("mamba", "dense"), ("mamba", "moe")] * 2 + [("attention", "dense"), ("mamba", "moe")]
    assert kinds == period * 4
    stacks = read("encoder and decoder").stacks
    assert {name: stack.n_layers for name, stack in stacks.items()} == {"encoder": 4, "decoder": 6}
    assert list(stacks) == ["encoder", "decoder"]


def test_lists_per_layer_keep_every_entry() -> None:
    decoder = read("lists with one entry a layer").decoder
    assert decoder is not None
    mixtures = [sublayer for layer in decoder.layers() for sublayer in layer if isinstance(sublayer, Mixture)]
    entries = [(m.experts_per_token, m.d_expert, m.shared.count if m.shared else 0) for m in mixtures]
    assert entries == [(1, 8, 0), (2, 16, 1), (4, 16, 2)]


def test_expressions_stay_beside_their_values() -> None:
    unplaced = read("counts of layers without their places").stack
    assert unplaced is not None
    assert unplaced.order == "unknown"
    widths = [sublayer.d_ffn for layer in unplaced.layers() for sublayer in layer if isinstance(sublayer, Dense)]
    assert set(widths) == {Expression(printed="4*d_model", value=128)}


def test_every_activation_has_its_number_of_matrices() -> None:
    schema = Dense.model_json_schema()["properties"]["activation"]["anyOf"][0]["enum"]
    assert set(MATRICES) == set(schema)


def decoder(*groups: Data) -> Data:
    return {"decoder": {"groups": list(groups)}}


def one(sublayer: Data) -> Data:
    return decoder({"sublayers": [sublayer]})


WRONG: dict[str, tuple[Data, str]] = {
    "no stack": ({}, "`encoder`"),
    "a stack of unknown side beside a decoder": (one(ATTENTION) | {"stack": one(ATTENTION)["decoder"]}, "`stack`"),
    "more experts per token than experts": (one(MOE | {"experts_per_token": 9}), "`experts_per_token` is 9"),
    "more than routed and zero experts": (
        one(MOE | {"experts_per_token": 11, "zero": {"count": 2, "kind": "zero"}}),
        "only 10 experts",
    ),
    "an input that comes later": (one(MOE | {"input_of": 1}), "`input_of` of sublayer 1"),
    "both sublayers and groups": (
        decoder({"sublayers": [ATTENTION], "groups": [{"sublayers": [ATTENTION]}]}),
        "`sublayers`",
    ),
    "neither sublayers nor groups": (decoder({"repeat": 2}), "`groups`"),
    "an empty layer": (decoder({"sublayers": []}), "sublayers"),
    "a stack without groups": (decoder(), "groups"),
    "no repeats": (decoder({"repeat": 0, "sublayers": [ATTENTION]}), "repeat"),
    "an unknown kind": (one({"kind": "convolution"}), "kind"),
    "an unknown activation": (one(DENSE | {"activation": "softmax"}), "activation"),
    "a number in quotes": (one(DENSE | {"d_ffn": "64"}), "d_ffn"),
    "a negative width": (one(MOE | {"d_expert": -1}), "d_expert"),
    "an unknown field": (one(ATTENTION | {"n_head": 4}), "n_head"),
    "an unknown field of the router": (one(MOE | {"router": {"top_k": 2}}), "top_k"),
    "a missing width": (one({"kind": "mla", "n_heads": 4, "kv_rank": 8, "d_nope": 6, "d_rope": 2}), "d_value"),
    "no source": (one(ATTENTION) | {"source": None}, "source"),
}


@pytest.mark.parametrize(("data", "named"), WRONG.values(), ids=WRONG)
def test_errors_name_the_field(data: Data, named: str) -> None:
    record, findings = validate(Architecture, NAMED | data, "data/models/made-up.yaml", "")
    assert record is None
    assert any(named in finding.message for finding in findings), [str(finding) for finding in findings]
    assert all(finding.fix for finding in findings)
    with pytest.raises(ValidationError):
        Architecture.model_validate(NAMED | data)


@pytest.mark.integration
def test_stored_architectures_equal_validated_ones(real_kb) -> None:
    with real_kb.reader() as reader:
        models = [json.loads(text) for text in reader.values("SELECT content FROM records WHERE kind = 'model'")]
    described = [
        size["architecture"] for model in models for size in model.get("configurations", ()) if "architecture" in size
    ]
    assert len(described) > 50
    for data in described:
        assert stored(Architecture, data) == Architecture.model_validate(data)

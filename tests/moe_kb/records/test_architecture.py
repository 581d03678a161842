"""Eight architectures that are hard to say, each small and made up, and what a wrong one is told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from moe_kb import yamlio
from moe_kb.corpus import validate
from moe_kb.records.architecture import Architecture
from moe_kb.records.base import stored
from moe_kb.records.sublayers import (
    MATRICES,
    Attention,
    AttentionExperts,
    CompressedAttention,
    Dense,
    Expression,
    LatentAttention,
    Mixture,
    StateSpace,
)

Data = dict[str, Any]

ATTENTION: Data = {"kind": "attention", "n_heads": 4, "n_kv_heads": 2, "d_head": 8}
CROSS: Data = {"kind": "attention", "n_heads": 4, "d_head": 8, "cross": True}
LATENT: Data = {
    "kind": "mla",
    "n_heads": 4,
    "q_rank": 12,
    "kv_rank": 8,
    "d_nope": 6,
    "d_rope": 2,
    "d_value": 6,
}
MAMBA: Data = {"kind": "mamba", "d_state": 4, "d_conv": 3, "expand": 2, "dt_rank": 2}


def dense(d_ffn: int | Data = 64, **more: Any) -> Data:
    return {"kind": "dense", "d_ffn": d_ffn, "activation": "swiglu", **more}


def moe(n: int = 8, k: int = 2, d_expert: int | Data = 16, **more: Any) -> Data:
    return {
        "kind": "moe",
        "n_routed_experts": n,
        "experts_per_token": k,
        "d_expert": d_expert,
        "activation": "swiglu",
        **more,
    }


def layer(*sublayers: Data, repeat: int = 1) -> Data:
    return {"repeat": repeat, "sublayers": list(sublayers)}


def pattern(*groups: Data, repeat: int) -> Data:
    return {"repeat": repeat, "groups": list(groups)}


def stack(*groups: Data, **more: Any) -> Data:
    return {"groups": list(groups), **more}


def architecture(**more: Any) -> Data:
    return {"source": "made-up-config", "locator": "config.json", "d_model": 32, **more}


LATENT_ATTENTION_WITH_GROUP_ROUTING = architecture(
    n_mtp_layers=1,
    decoder=stack(
        layer(LATENT, dense(), repeat=2),
        layer(
            LATENT,
            moe(
                shared={"count": 1, "d_expert": 16},
                router={
                    "design": "grouped-router",
                    "score": "sigmoid",
                    "order": "score-then-topk",
                    "renormalise": True,
                    "scale": 2.5,
                    "selection_bias": True,
                    "n_groups": 4,
                    "top_groups": 2,
                    "group_score": "top2-sum",
                },
            ),
            repeat=3,
        ),
    ),
)
ENCODER_AND_DECODER = architecture(
    tied_embeddings=True,
    encoder=stack(pattern(layer(ATTENTION, dense()), layer(ATTENTION, moe(k=1)), repeat=2)),
    decoder=stack(pattern(layer(ATTENTION, CROSS, dense()), layer(ATTENTION, CROSS, moe(k=1)), repeat=3)),
)
HYBRID = architecture(
    decoder=stack(
        pattern(
            pattern(layer(MAMBA, dense()), layer(MAMBA, moe()), repeat=2),
            layer(ATTENTION, dense()),
            layer(MAMBA, moe()),
            repeat=4,
        ),
    ),
)
LATENT_EXPERTS = architecture(
    decoder=stack(
        layer({"kind": "mamba2", "d_state": 4, "n_heads": 2, "d_head": 8, "n_groups": 2}),
        layer(moe(activation="relu2", d_latent=8, shared={"count": 1, "d_expert": 24})),
        layer(ATTENTION),
    ),
)
LISTS_PER_LAYER = architecture(
    decoder=stack(
        *(
            layer(
                ATTENTION,
                moe(k=k, d_expert=d_expert, **({"shared": {"count": s, "d_expert": 16}} if s else {})),
            )
            for k, d_expert, s in ((1, 8, 0), (2, 16, 1), (4, 16, 2))
        ),
    ),
)
ZERO_EXPERTS_ON_A_SHORTCUT = architecture(
    decoder=stack(
        layer(
            LATENT,
            dense(),
            LATENT,
            dense(),
            moe(8, 10, zero={"count": 4, "kind": "identity"}, router={"selection_bias": True}, input_of=2),
            repeat=2,
        ),
    ),
)
COUNTS_WITHOUT_PLACES = architecture(
    stack=stack(
        layer({"kind": "unknown"}, dense({"printed": "4*d_model", "value": 128}), repeat=12),
        layer(
            {"kind": "unknown"},
            moe(32, 1, {"printed": "d_ffn"}, shared={"count": 1, "d_expert": 128}),
            repeat=10,
        ),
        layer(
            {"kind": "unknown"},
            moe(64, 1, {"printed": "d_ffn"}, shared={"count": 1, "d_expert": 128}),
            repeat=2,
        ),
        order="unknown",
    ),
)
RANDOM_SECOND_EXPERT = architecture(
    decoder=stack(
        layer(
            ATTENTION,
            moe(
                activation="relu",
                router={
                    "design": "two-expert-gate",
                    "score": "softmax",
                    "second_expert": "random",
                    "group_size": 64,
                    "capacity_factor": 2.0,
                    "capacity_factor_eval": 1.25,
                    "min_capacity": 4,
                    "drop_tokens": True,
                    "jitter": 0.01,
                    "note": "The second expert is kept with twice its weight as probability.",
                },
            ),
        ),
    ),
)

CASES = {
    "latent attention, group-limited router": (LATENT_ATTENTION_WITH_GROUP_ROUTING, 5, 3),
    "encoder and decoder": (ENCODER_AND_DECODER, 10, 5),
    "hybrid of attention and state space": (HYBRID, 24, 12),
    "latent experts in layers of one sublayer": (LATENT_EXPERTS, 3, 1),
    "lists with one entry a layer": (LISTS_PER_LAYER, 3, 3),
    "zero experts on a shortcut": (ZERO_EXPERTS_ON_A_SHORTCUT, 2, 2),
    "counts of layers without their places": (COUNTS_WITHOUT_PLACES, 24, 12),
    "capacity and a random second expert": (RANDOM_SECOND_EXPERT, 1, 1),
}


@pytest.mark.parametrize(("data", "n_layers", "n_moe_layers"), CASES.values(), ids=CASES)
def test_is_said_without_loss(data: Data, n_layers: int, n_moe_layers: int) -> None:
    first = Architecture.model_validate(data)
    text = yamlio.canonical_text(first)
    again = Architecture.model_validate(yamlio.parse(text))
    assert again == first
    assert yamlio.canonical_text(again) == text
    assert sum(stack.n_layers for stack in again.stacks.values()) == n_layers
    assert sum(stack.n_moe_layers for stack in again.stacks.values()) == n_moe_layers


def test_layers_come_in_order_with_repeats_written_out() -> None:
    decoder = Architecture.model_validate(HYBRID).decoder
    assert decoder is not None
    kinds = [tuple(sublayer.kind for sublayer in layer) for layer in decoder.layers()]
    period = [("mamba", "dense"), ("mamba", "moe")] * 2 + [("attention", "dense"), ("mamba", "moe")]
    assert kinds == period * 4


def test_encoder_stands_before_decoder() -> None:
    stacks = Architecture.model_validate(ENCODER_AND_DECODER).stacks
    assert list(stacks) == ["encoder", "decoder"]
    assert [stack.n_layers for stack in stacks.values()] == [4, 6]


def test_lists_per_layer_keep_every_entry() -> None:
    decoder = Architecture.model_validate(LISTS_PER_LAYER).decoder
    assert decoder is not None
    mixtures = [sublayer for layer in decoder.layers() for sublayer in layer if isinstance(sublayer, Mixture)]
    assert [(m.experts_per_token, m.d_expert, m.shared.count if m.shared else 0) for m in mixtures] == [
        (1, 8, 0),
        (2, 16, 1),
        (4, 16, 2),
    ]


def test_expression_stays_beside_its_value() -> None:
    unplaced = Architecture.model_validate(COUNTS_WITHOUT_PLACES).stack
    assert unplaced is not None
    assert unplaced.order == "unknown"
    widths = [sublayer.d_ffn for layer in unplaced.layers() for sublayer in layer if isinstance(sublayer, Dense)]
    assert set(widths) == {Expression(printed="4*d_model", value=128)}


def test_every_activation_has_its_number_of_matrices() -> None:
    schema = Dense.model_json_schema()["properties"]["activation"]["anyOf"][0]["enum"]
    assert set(MATRICES) == set(schema)


def test_every_kind_of_mixer_is_read_as_its_own_type() -> None:
    mixers: list[tuple[Data, type]] = [
        (ATTENTION, Attention),
        (LATENT, LatentAttention),
        (MAMBA, StateSpace),
        (
            {
                "kind": "compressed-attention",
                "n_heads": 4,
                "d_head": 16,
                "d_rope": 4,
                "q_rank": 8,
                "window": 16,
                "ratio": 4,
                "o_groups": 2,
                "o_rank": 8,
                "indexer": {"n_heads": 2, "d_head": 4, "top_k": 8},
            },
            CompressedAttention,
        ),
        (
            {
                "kind": "attention-experts",
                "n_routed_experts": 4,
                "experts_per_token": 2,
                "n_heads": 2,
                "n_kv_heads": 2,
                "d_head": 8,
                "router": {"order": "topk-then-score"},
            },
            AttentionExperts,
        ),
    ]
    read = Architecture.model_validate(architecture(decoder=stack(*(layer(data) for data, _ in mixers)))).decoder
    assert read is not None
    assert [type(sublayer) for layer in read.layers() for sublayer in layer] == [kind for _, kind in mixers]


def one(sublayer: Data) -> Data:
    return architecture(decoder=stack(layer(sublayer)))


WRONG = {
    "no stack": (architecture(), "`encoder`"),
    "a stack of unknown side beside a decoder": (
        architecture(decoder=stack(layer(ATTENTION)), stack=stack(layer(ATTENTION))),
        "`stack`",
    ),
    "more experts per token than experts": (one(moe(4, 5)), "`experts_per_token` is 5"),
    "more than routed and zero experts": (
        one(moe(4, 7, zero={"count": 2, "kind": "zero"})),
        "only 6 experts",
    ),
    "an input that comes later": (one(moe(input_of=1)), "`input_of` of sublayer 1"),
    "both sublayers and groups": (
        architecture(decoder=stack({"sublayers": [ATTENTION], "groups": [layer(ATTENTION)]})),
        "`sublayers`",
    ),
    "neither sublayers nor groups": (architecture(decoder=stack({"repeat": 2})), "`groups`"),
    "an empty layer": (architecture(decoder=stack({"sublayers": []})), "sublayers"),
    "a stack without groups": (architecture(decoder=stack()), "groups"),
    "no repeats": (architecture(decoder=stack(layer(ATTENTION, repeat=0))), "repeat"),
    "a kind that does not exist": (one({"kind": "convolution"}), "kind"),
    "an activation that does not exist": (one(dense(activation="softmax")), "activation"),
    "a number in quotes": (one({**dense(), "d_ffn": "64"}), "d_ffn"),
    "a negative width": (one(moe(d_expert=-1)), "d_expert"),
    "an unknown field": (one({**ATTENTION, "n_head": 4}), "n_head"),
    "an unknown field of the router": (one(moe(router={"top_k": 2})), "top_k"),
    "a missing width": (
        one({"kind": "mla", "n_heads": 4, "kv_rank": 8, "d_nope": 6, "d_rope": 2}),
        "d_value",
    ),
    "no source": ({"decoder": stack(layer(ATTENTION))}, "source"),
}


@pytest.mark.parametrize(("data", "named"), WRONG.values(), ids=WRONG)
def test_wrong_one_is_told_which_field(data: Data, named: str) -> None:
    with pytest.raises(ValidationError):
        Architecture.model_validate(data)
    record, findings = validate(Architecture, data, "data/models/made-up.yaml", "")
    assert record is None
    assert any(named in finding.message for finding in findings), [str(finding) for finding in findings]
    assert all(finding.fix for finding in findings)


def test_stored_architectures_equal_validated_ones() -> None:
    kinds = [ATTENTION, dense(), moe(router={"score": "softmax"}), {**dense(), "d_ffn": {"printed": "4*d_model"}}]
    data = architecture(decoder=stack(*(layer(ATTENTION, kind) for kind in kinds), {"groups": [layer(ATTENTION)]}))
    assert stored(Architecture, data) == Architecture.model_validate(data)

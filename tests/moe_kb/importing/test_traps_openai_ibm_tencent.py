"""Traps of the OpenAI, Ai2, Recursive, IBM and Tencent families."""

import pytest
from config_files import MAMBA, SLIDING, SMALL, architecture, kinds, layers, released, total

from moe_kb.importing import RefusedError
from moe_kb.sizing import count

FLINT = SMALL | {"moe_intermediate_size": 8, "shared_expert_intermediate_size": 10, "sliding_window": 513}
MAMBA2 = MAMBA | {"mamba_n_heads": 4, "mamba_d_head": 8, "mamba_n_groups": 1}
HUNYUAN = {**SMALL, "num_shared_expert": 1, "use_mixed_mlp_moe": True}
HUNYUAN.pop("num_experts_per_tok")


# OpenAI


def test_gpt_oss_has_biases_everywhere_sinks_and_a_clamped_gate():
    attention, mixture = layers("gpt_oss", released("gpt-oss-20b"))[0]
    assert (attention.sinks, attention.qkv_bias, attention.window) == (True, True, 128)
    assert (mixture.activation, mixture.bias, mixture.router.logit_bias) == ("clamped-swiglu", True, True)


def test_gpt_oss_gives_k_twice_and_it_must_agree():
    with pytest.raises(RefusedError, match="name the same thing"):
        total("gpt_oss", released("gpt-oss-20b", experts_per_token=8))


def test_a_token_classifier_has_a_head_over_labels():
    fields = {name: value for name, value in SMALL.items() if name not in ("hidden_act", "tie_word_embeddings")}
    fields["sliding_window"] = 32

    def size(n_labels):
        labels = {str(number): f"label {number}" for number in range(n_labels)}
        return count(architecture("openai_privacy_filter", fields, id2label=labels)).total

    assert size(5) - size(4) == 16 + 1
    found = architecture("openai_privacy_filter", fields, id2label={"0": "a"})
    assert list(found.stacks) == ["encoder"]
    assert next(found.encoder.layers())[1].router.scale is None  # divided by k, then multiplied by k


# Ai2, Recursive, IBM


def test_olmoe_does_not_fill_in_the_width_of_its_experts():
    with pytest.raises(RefusedError, match="intermediate_size is needed"):
        total("olmoe", released("olmoe-1b-7b"), intermediate_size=...)


def test_olmo_norms_queries_and_keys_across_heads_and_flex_olmo_can_set_the_width_of_a_head():
    assert layers("olmoe", SMALL, head_dim=...)[0][0].qk_norm == "across-heads"
    assert layers("flex_olmo", SMALL, head_dim=6)[0][0].d_head == 6
    with pytest.raises(RefusedError, match="head_dim"):
        total("olmoe", SMALL, head_dim=6)


def test_flint_is_dense_in_its_first_two_layers_unless_told():
    assert kinds("flint", FLINT) == ["attention dense"] * 2 + ["attention moe"] * 2
    assert kinds("flint", FLINT, mlp_only_layers=[]) == ["attention moe"] * 4
    found = layers("flint", FLINT, num_hidden_layers=8)
    assert [attention.window for attention, _ in found] == [None, None, 513, 513, 513, None, 513, None]
    assert found[2][1].router.score == "sigmoid"


@pytest.mark.parametrize("family", ["granitemoeshared", "granitemoe_swa"])
def test_granite_has_a_shared_expert_only_where_it_has_a_width(family):
    fields = SMALL if family == "granitemoeshared" else SLIDING
    assert layers(family, fields)[0][1].shared is None
    assert layers(family, fields, shared_intermediate_size=12)[0][1].shared.d_expert == 12


def test_granite_hybrid_without_experts_is_dense():
    fields = SMALL | MAMBA2 | {"shared_intermediate_size": 12, "layer_types": ["mamba", "attention"] * 2}
    assert kinds("granitemoehybrid", fields) == ["mamba2 moe", "attention moe"] * 2
    dense = layers("granitemoehybrid", fields, num_experts=0, num_experts_per_tok=0)
    assert dense[0][1].d_ffn == 12  # the shared width, not intermediate_size
    with pytest.raises(RefusedError, match="mamba_n_heads x mamba_d_head"):
        total("granitemoehybrid", fields, mamba_d_head=9)
    with pytest.raises(RefusedError, match="a convolution without bias"):
        total("granitemoehybrid", fields, mamba_conv_bias=False)


# Tencent


@pytest.mark.parametrize("family", ["hunyuan", "hunyuan_v1_moe"])
def test_hunyuan_gives_k_for_each_layer(family):
    found = layers(family, HUNYUAN, moe_topk=[1, 2, 3, 2])
    assert [mixture.experts_per_token for _, mixture in found] == [1, 2, 3, 2]
    with pytest.raises(RefusedError, match="moe_topk does not have an entry for each layer"):
        layers(family, HUNYUAN, moe_topk=[1, 2])


def test_hunyuan_gives_widths_and_shared_experts_for_each_layer():
    lists = {"moe_topk": 2, "moe_intermediate_size": [8, 8, 9, 9], "num_shared_expert": [1, 1, 2, 2]}
    found = [mixture for _, mixture in layers("hunyuan", HUNYUAN, **lists)]
    assert [mixture.d_expert for mixture in found] == [8, 8, 9, 9]
    assert [mixture.shared.count for mixture in found] == [1, 1, 2, 2]
    assert {mixture.shared.d_expert for mixture in found} == {24}
    with pytest.raises(RefusedError, match="moe_intermediate_size is not intermediate_size"):
        layers("hunyuan_v1_moe", HUNYUAN, **lists)
    with pytest.raises(RefusedError, match="num_shared_expert is not 1"):
        layers("hunyuan_v1_moe", HUNYUAN, moe_topk=2, num_shared_expert=[2, 2, 2, 2])


def test_the_file_of_hunyuan_a13b_means_the_same_under_either_type():
    file = released("hunyuan-a13b")
    assert count(architecture("hunyuan_v1_moe", file)) == count(architecture("hunyuan", file))
    with pytest.raises(RefusedError, match="keys and values in every layer"):
        layers("hunyuan_v1_moe", file, use_cla=True)


def test_hunyuan_calls_the_width_of_a_head_by_another_name():
    assert layers("hunyuan", HUNYUAN, moe_topk=1, head_dim=..., attention_head_dim=6)[0][0].d_head == 6


def test_hunyuan_shares_keys_and_values_between_layers():
    found = layers("hunyuan", HUNYUAN, moe_topk=1, use_cla=True, cla_share_factor=2)
    assert [attention.shares_kv_with_previous for attention, _ in found] == [False, True, False, True]
    unshared = layers("hunyuan", HUNYUAN, moe_topk=1, use_cla=False, cla_share_factor=2)
    assert not any(attention.shares_kv_with_previous for attention, _ in unshared)


def test_one_chosen_expert_is_not_renormalised():
    assert layers("hunyuan", HUNYUAN, moe_topk=1)[0][1].router.renormalise is False
    assert layers("hunyuan", HUNYUAN, moe_topk=2)[0][1].router.renormalise is True

"""Traps of the Qwen, OpenAI, Ai2, IBM, Tencent, AI21, NVIDIA, Microsoft, Cohere and Databricks families."""

import json
from pathlib import Path

import pytest

from moe_kb.importing import RefusedError, read_config
from moe_kb.sizing import count

CONFIGS = Path(__file__).parent / "configs"
SMALL = {
    "hidden_size": 16,
    "vocab_size": 50,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 4,
    "hidden_act": "silu",
    "max_position_embeddings": 64,
    "intermediate_size": 24,
    "num_experts": 6,
    "num_experts_per_tok": 2,
    "tie_word_embeddings": False,
}
QWEN = {**SMALL, "moe_intermediate_size": 8, "shared_expert_intermediate_size": 10}
MIXED = {**SMALL, "moe_intermediate_size": 8}
LINEAR = {"num_value_heads": 4, "num_key_heads": 2, "key_head_dim": 4, "value_head_dim": 4, "conv_kernel_dim": 3}
HYBRID = QWEN | {f"linear_{name}": value for name, value in LINEAR.items()}
STREAMS = {"hc_count": 2, "hc_lowrank": 3, "indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 4}
MAMBA = {"mamba_d_state": 4, "mamba_d_conv": 3, "mamba_expand": 2}
MAMBA2 = MAMBA | {"mamba_n_heads": 4, "mamba_d_head": 8, "mamba_n_groups": 1}
NEMOTRON = {
    **{name: value for name, value in SMALL.items() if name not in ("num_hidden_layers", "hidden_act", "num_experts")},
    "n_routed_experts": 4,
    "moe_intermediate_size": 8,
    "moe_shared_expert_intermediate_size": 12,
    "mamba_num_heads": 4,
    "mamba_head_dim": 4,
    "ssm_state_size": 4,
    "n_groups": 1,
    "conv_kernel": 3,
    "hybrid_override_pattern": "ME*-",
}
JAMBA = {name: value for name, value in SMALL.items() if name != "head_dim"} | MAMBA
JAMBA |= {"attn_layer_period": 4, "attn_layer_offset": 2, "expert_layer_period": 2, "expert_layer_offset": 1}
HUNYUAN = {**SMALL, "num_shared_expert": 1, "use_mixed_mlp_moe": True}
HUNYUAN.pop("num_experts_per_tok")
SLIDING = SMALL | {"sliding_window": 32}
FLINT = QWEN | {"sliding_window": 513}
TALKER = {name: value for name, value in QWEN.items() if name != "intermediate_size"}
DBRX = {
    "d_model": 16,
    "vocab_size": 50,
    "n_heads": 4,
    "n_layers": 2,
    "max_seq_len": 64,
    "attn_config": {"kv_n_heads": 2},
    "ffn_config": {"ffn_hidden_size": 8, "moe_num_experts": 4, "moe_top_k": 2},
}


def architecture(model_type, fields, **changed):
    config = {"model_type": model_type, **fields, **changed}
    given = {name: value for name, value in config.items() if value is not ...}  # `...` leaves a field out
    return read_config(json.dumps(given), source="a-config").architecture


def total(model_type, fields, **changed):
    return count(architecture(model_type, fields, **changed)).total


def layers(model_type, fields, **changed):
    return list(architecture(model_type, fields, **changed).decoder.layers())


def kinds(model_type, fields, **changed):
    return [" ".join(part.kind for part in layer) for layer in layers(model_type, fields, **changed)]


def released(name, **changed):
    config = json.loads((CONFIGS / f"{name}.json").read_text()) | changed
    return {field: value for field, value in config.items() if field != "model_type"}


# Qwen


def test_qwen2_fuses_its_shared_experts_and_gates_them():
    (_, mixture), *_ = layers("qwen2_moe", QWEN)
    assert mixture.shared.model_dump() == {"count": 1, "d_expert": 10, "gate": "sigmoid"}
    wider = total("qwen2_moe", QWEN, shared_expert_intermediate_size=11)
    assert wider - total("qwen2_moe", QWEN) == 4 * 3 * 16


def test_qwen2_has_biases_at_queries_keys_and_values_unless_told():
    biases = 4 * (4 + 2 + 2) * 4
    assert total("qwen2_moe", QWEN) - total("qwen2_moe", QWEN, qkv_bias=False) == biases


def test_qwen2_slides_in_every_other_layer_only_where_asked():
    def windows(**changed):
        return [attention.window for attention, _ in layers("qwen2_moe", QWEN, sliding_window=32, **changed)]

    assert windows() == [None] * 4
    assert windows(use_sliding_window=True, max_window_layers=3) == [32, None, 32, None]


@pytest.mark.parametrize(("step", "only", "sparse"), [(1, [], "ssss"), (2, None, "dsds"), (1, [0, 3], "dssd")])
@pytest.mark.parametrize("family", ["qwen2_moe", "qwen3_next", "qwen3_vl_moe_text", "qwen3_omni_moe_text"])
def test_layers_without_experts(family, step, only, sparse):
    fields = HYBRID if family == "qwen3_next" else MIXED if family.startswith("qwen3") else QWEN
    found = layers(family, fields, decoder_sparse_step=step, mlp_only_layers=only)
    assert "".join("s" if feed_forward.kind == "moe" else "d" for _, feed_forward in found) == sparse


@pytest.mark.parametrize("family", ["qwen3_next", "qwen3_5_moe"])
def test_three_of_four_mixers_are_linear(family):
    assert kinds(family, HYBRID) == ["gated-deltanet moe"] * 3 + ["attention moe"]
    assert kinds(family, HYBRID, full_attention_interval=2) == ["gated-deltanet moe", "attention moe"] * 2
    with pytest.raises(RefusedError, match="'sliding_attention' is none of"):
        kinds(family, HYBRID, layer_types=["sliding_attention"] * 4)
    with pytest.raises(RefusedError, match="layer_types does not have an entry for each layer"):
        kinds(family, HYBRID, layer_types=["linear_attention"] * 3)


@pytest.mark.parametrize(("family", "fields"), [("qwen3_5_moe", HYBRID), ("qwen3_vl_moe", MIXED)])
def test_what_the_code_always_does_cannot_be_switched_off(family, fields):
    with pytest.raises(RefusedError, match="always renormalises"):
        total(family, fields, norm_topk_prob=False)


def test_further_tokens_are_counted_as_layers_beside_the_stack():
    found = architecture("qwen3_5_moe", HYBRID, mtp_num_hidden_layers=1)
    assert found.n_mtp_layers == 1
    assert count(found) == count(architecture("qwen3_5_moe", HYBRID))


def test_a_text_model_is_found_inside_its_whole():
    alone = total("qwen3_omni_moe_text", MIXED)
    whole = {"thinker_config": {"text_config": MIXED, "audio_config": {"d_model": 1280}}, "talker_config": {"a": 1}}
    assert total("qwen3_omni_moe", whole) == total("qwen3_omni_moe_thinker", {"text_config": MIXED}) == alone
    assert total("qwen3_5_moe", {"text_config": HYBRID, "vision_config": {}}) == total("qwen3_5_moe_text", HYBRID)


def test_the_whole_and_its_text_model_cannot_differ_in_tying():
    with pytest.raises(RefusedError, match="tie_word_embeddings is true for the whole and false for its text_config"):
        total("qwen3_vl_moe", {"text_config": MIXED}, tie_word_embeddings=True)
    with pytest.raises(RefusedError, match="tie_word_embeddings is needed"):
        total("qwen3_vl_moe", MIXED, tie_word_embeddings=...)


def test_the_thinker_has_no_shared_expert():
    assert total("qwen3_omni_moe_text", MIXED, shared_expert_intermediate_size=0) == total("qwen3_omni_moe_text", MIXED)
    with pytest.raises(RefusedError, match="the thinker has no shared expert"):
        total("qwen3_omni_moe_text", QWEN)


def test_the_talker_has_a_gated_shared_expert_in_every_layer():
    assert {mixture.shared.gate for _, mixture in layers("qwen3_omni_moe_talker", {"text_config": TALKER})} == {
        "sigmoid"
    }
    with pytest.raises(RefusedError, match="the talker has a mixture in every layer"):
        total("qwen3_omni_moe_talker_text", TALKER, decoder_sparse_step=2)


def test_qwen4_without_its_indexer_is_refused():
    assert total("qwen4_exp", HYBRID | STREAMS) > 0
    with pytest.raises(RefusedError, match="indexer_n_heads is needed"):
        total("qwen4_exp", HYBRID | STREAMS, indexer_n_heads=...)


def test_qwen4_has_a_prime_number_of_rows_for_each_head():
    ngram = {"ple_layer_ids": [1], "ple_embed_dim": 4, "ngram_size": 2, "heads_per_ngram": 2, "ple_conv_kernel_size": 4}
    fields = HYBRID | STREAMS | ngram | {"ngram_vocab_size_base": 10, "make_ngram_vocab_size_divisible_by": 16}
    rows = 32  # 11 + 13, padded to a multiple of 16
    beside = (32 + 16) * 4 + (3 + 4) * 32
    assert total("qwen4_exp", fields) - total("qwen4_exp", fields, ple_layer_ids=[]) == rows * 2 + beside
    with pytest.raises(RefusedError, match="numbers that no layer has"):
        total("qwen4_exp", fields, ple_layer_ids=[0])
    with pytest.raises(RefusedError, match="not what a model has"):
        total("qwen4_exp", fields, ngram_vocab_size_base=10**12)


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


# AI21, MyShell, NVIDIA


def test_jamba_attends_and_mixes_at_its_own_periods():
    assert kinds("jamba", JAMBA) == ["mamba dense", "mamba moe", "attention dense", "mamba moe"]
    with pytest.raises(RefusedError, match="attn_layer_offset is not below"):
        total("jamba", JAMBA, attn_layer_period=2)


def test_jamba_does_not_renormalise_and_computes_the_rank_of_the_step():
    mixer, mixture = layers("jamba", JAMBA, hidden_size=20)[1]
    assert mixer.dt_rank == 2  # a sixteenth of the width, rounded up
    assert mixture.router.renormalise is False


def test_jetmoe_reads_its_own_names_and_checks_its_heads():
    attention, mixture = layers("jetmoe", released("jetmoe-8b"))[0]
    assert (attention.kind, attention.n_heads, attention.output_bias) == ("attention-experts", 16, True)
    assert (mixture.n_routed_experts, mixture.experts_per_token, mixture.output_bias) == (8, 2, True)
    with pytest.raises(RefusedError, match="num_attention_heads is not"):
        layers("jetmoe", released("jetmoe-8b", num_attention_heads=16))


def test_nemotron_reads_its_pattern_and_has_no_gate():
    assert kinds("nemotron_h", NEMOTRON) == ["mamba2", "moe", "attention", "dense"]
    assert layers("nemotron_h", NEMOTRON)[1][0].activation == "relu2"
    listed = kinds("nemotron_h", NEMOTRON, hybrid_override_pattern=..., layers_block_type=["attention", "mlp"])
    assert listed == ["attention", "dense"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"hybrid_override_pattern": "MX"}, "'X' is none of"),
        ({"num_hidden_layers": 5}, "num_hidden_layers is not the number of layers"),
        ({"layers_block_type": ["mamba"]}, "both given"),
        ({"hybrid_override_pattern": ...}, "neither layers_block_type nor hybrid_override_pattern"),
        ({"n_shared_experts": 2}, "n_shared_experts is not 1"),
        ({"attention_bias": True}, "no biases in attention"),
        ({"tie_word_embeddings": True}, "does not tie its embeddings"),
    ],
)
def test_nemotron_refuses(changed, reason):
    with pytest.raises(RefusedError, match=reason):
        total("nemotron_h", NEMOTRON, **changed)


def test_a_latent_width_is_of_the_routed_experts_alone():
    mixture = layers("nemotron_h", NEMOTRON, moe_latent_size=6)[1][0]
    assert (mixture.d_latent, mixture.shared.d_expert) == (6, 12)
    change = 4 * 2 * (6 - 16) * 8 + 2 * 16 * 6
    assert total("nemotron_h", NEMOTRON, moe_latent_size=6) - total("nemotron_h", NEMOTRON) == change


def test_a_transcriber_has_a_nemotron_as_its_text_model():
    whole = {"text_config": {"model_type": "nemotron_h", **NEMOTRON}, "audio_config": {"asr_config": {}}}
    assert total("nemo_speechlm", whole) == total("nemotron_h", NEMOTRON)
    with pytest.raises(RefusedError, match="neither layers_block_type nor hybrid_override_pattern"):
        total("nemo_speechlm", {"text_config": {"model_type": "llama", **SMALL}})


def test_infinity_stands_in_released_files_and_is_no_size():
    config = json.dumps({"model_type": "nemotron_h", **NEMOTRON, "time_step_limit": [0.0, float("inf")]})
    assert count(read_config(config, source="s").architecture).total == total("nemotron_h", NEMOTRON)
    with pytest.raises(RefusedError):
        read_config(config.replace('"hidden_size": 16', '"hidden_size": Infinity'), source="s")


# Microsoft, Cohere, Databricks, SmallDoge


def test_phi_has_biases_in_norms_and_if_asked_in_attention_and_head():
    plain = released("phi-3.5-moe")
    assert architecture("phimoe", plain).norm == "layer"
    with_biases = total("phimoe", plain, attention_bias=True, lm_head_bias=True)
    assert with_biases - total("phimoe", plain) == 32 * (4096 + 2 * 1024 + 4096) + 32064
    with pytest.raises(RefusedError, match="chooses two experts in turn"):
        total("phimoe", plain, num_experts_per_tok=4)


def test_cohere_runs_both_sublayers_on_one_normalised_input():
    attention, dense = layers("cohere2_moe", SLIDING, first_k_dense_replace=1, prefix_dense_intermediate_size=40)[0]
    assert (attention.norms, dense.norms, dense.input_of, dense.d_ffn) == (None, 0, 1, 40)
    assert architecture("cohere2_moe", SLIDING).norm == "layer-without-bias"
    assert architecture("cohere2_moe", SLIDING, rms_norm_eps=1e-5).norm == "rms"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"use_parallel_block": False}, "side by side"),
        ({"use_qk_norm": True}, "does not normalise queries and keys"),
        ({"tie_word_embeddings": None}, "neither true nor false"),
        ({"mlp_layer_types": ["dense", "sparse"]}, "mlp_layer_types does not have an entry for each layer"),
        ({"expert_selection_fn": "tanh"}, "'tanh' is none of"),
    ],
)
def test_cohere_refuses(changed, reason):
    with pytest.raises(RefusedError, match=reason):
        total("cohere2_moe", SLIDING, **changed)


def test_cohere_fuses_shared_experts_of_the_width_of_a_routed_one():
    mixture = layers("cohere2_moe", SLIDING, num_shared_experts=2)[0][1]
    assert (mixture.shared.count, mixture.shared.d_expert) == (2, 24)


@pytest.mark.parametrize(
    ("score", "norm", "design"),
    [
        ("softmax", False, "topk-softmax-router"),
        ("sigmoid", True, "topk-then-sigmoid-router"),
        ("sigmoid", False, None),
    ],
)
def test_cohere_scores_the_chosen(score, norm, design):
    router = layers("cohere2_moe", SLIDING, expert_selection_fn=score, norm_topk_prob=norm)[0][1].router
    assert (router.design, router.order) == (design, "topk-then-score")
    assert router.renormalise is (score == "softmax" or norm)


def test_dbrx_keeps_its_fields_in_two_others():
    mixture = layers("dbrx", released("dbrx"))[0][1]
    assert (mixture.n_routed_experts, mixture.experts_per_token, mixture.d_expert) == (16, 4, 10752)
    assert mixture.router.jitter == 0.01
    claims = read_config((CONFIGS / "dbrx.json").read_text(), source="s").claims
    assert claims["w_aux"] == (0.05, "ffn_config.moe_loss_weight")


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        ({"moe_normalize_expert_weights": 2.0}, "do not sum to one"),
        ({"hidden_size": 17}, "ffn_config.hidden_size is not d_model"),
        ({"widths": [8]}, "ffn_config.widths = \\[8\\] is not understood"),
        ({"pruned_heads": {"0": [1]}}, "the sizes of pruned heads are not known"),
    ],
)
def test_dbrx_refuses(inner, reason):
    with pytest.raises(RefusedError, match=reason):
        total("dbrx", DBRX | {"ffn_config": DBRX["ffn_config"] | inner})


def test_dbrx_without_a_norm_does_not_renormalise():
    inner = DBRX["ffn_config"] | {"moe_normalize_expert_weights": None}
    router = layers("dbrx", DBRX, ffn_config=inner)[0][1].router
    assert (router.design, router.renormalise) == ("unnormalised-top-k-router", False)


def test_doge_is_dense_unless_told_and_keeps_its_dense_network_beside_tiny_experts():
    fields = SMALL | {"num_experts": 16, "num_experts_per_tok": 3}
    assert kinds("doge", fields) == ["attention dense"] * 4
    assert kinds("doge", fields, is_moe=True) == ["attention dense moe"] * 4
    found = count(architecture("doge", fields, is_moe=True))
    assert found.parts["routed"].total == 4 * 16 * 2 * 16
    assert found.parts["routed"].active == 4 * 3 * 2 * 16
    assert found.parts["router"].total == 4 * 2 * 4 * 16  # two halves of four keys, not sixteen

"""Traps of the families from DeepSeek to Aria: this file, that outcome."""

import json

import pytest
from config_files import RELEASED

from moe_kb.importing import RefusedError, read_config
from moe_kb.sizing import count

SMALL = {
    "hidden_size": 16,
    "vocab_size": 50,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "hidden_act": "silu",
    "max_position_embeddings": 64,
    "intermediate_size": 24,
    "moe_intermediate_size": 8,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
}
KEYS = {"kv_lora_rank": 4, "qk_nope_head_dim": 4, "qk_rope_head_dim": 2, "v_head_dim": 3}
LATENT = SMALL | KEYS | {"q_lora_rank": 6}
INDEXED = LATENT | {"index_n_heads": 2, "index_head_dim": 4, "index_topk": 8}
UNRANKED = {name: value for name, value in INDEXED.items() if name != "q_lora_rank"}
STREAMS = INDEXED | {"hc_mult": 2, "swiglu_limit": 10.0, "mlp_layer_types": ["dense", "sparse", "sparse", "sparse"]}
SHARED = {"indexer_types": ["full", "shared", "shared", "full"]}
KDA = {"linear_head_dim": 4, "linear_num_heads": 2, "linear_conv_kernel_dim": 3}
PLACES = {"layer_types": ["linear_attention", "indexed_attention", "linear_attention", "indexed_attention"]}
RENAMED = {"n_routed_experts": "num_experts", "n_shared_experts": "num_shared_experts"} | {
    "num_experts_per_tok": "num_experts_per_token",
    "max_position_embeddings": "model_max_length",
}
BAILING = {RENAMED.get(name, name): value for name, value in (SMALL | KEYS).items()}
BAILING |= {"first_k_dense_replace": 1, "layer_group_size": 2, "head_dim": 8, "num_expert_group": 1, "topk_group": 1}
BAILING |= {"short_conv_kernel_size": 3}
SLIDING = LATENT | {"first_k_dense_replace": 1, "shared_experts_intermediate_size": 6, "use_sliding_window": True}
SLIDING |= {f"swa_{name}": value for name, value in (KEYS | {"q_lora_rank": 5}).items()}
SLIDING |= {"swa_num_attention_heads": 2, "swa_head_dim": 6, "index_n_heads": 2, "index_head_dim": 4, "index_topk": 8}
GLM_V = SMALL | {"num_key_value_heads": 2, "first_k_dense_replace": 1}
ARIA = {name: SMALL[name] for name in SMALL if "expert" not in name and not name.startswith("moe")}
ARIA |= {"moe_num_experts": 4, "moe_topk": 2, "moe_num_shared_experts": 2}


def released(name, without=(), **changed):
    config = json.loads(RELEASED[name]) | changed
    return {field: value for field, value in config.items() if field not in without}


def imported(config):
    return read_config(json.dumps(config), source="a-config")


def architecture(config):
    return imported(config).architecture


def sublayers(config, kind):
    return [part for layer in architecture(config).decoder.layers() for part in layer if part.kind == kind]


def mixture(config):
    return sublayers(config, "moe")[-1]


def as_type(model_type, fields, **changed):
    return {"model_type": model_type, **fields, **changed}


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (released("deepseek-v3", scoring_func="softmax"), "scoring_func is not sigmoid"),
        (released("deepseek-v3", topk_method="greedy"), "topk_method is not noaux_tc"),
        (released("deepseek-v3", moe_layer_freq=2), "moe_layer_freq is not 1"),
        (released("deepseek-v3", attention_bias=True), "biases of latent attention"),
        (released("deepseek-v3", qk_head_dim=128), "qk_head_dim is not the sum"),
        (released("deepseek-v3", num_key_value_heads=8), "as many key-value heads as query heads"),
        (released("deepseek-v3", n_group=7), "cannot be parted into n_group"),
        (released("deepseek-v3", num_local_experts=64), "num_local_experts = 64 and n_routed_experts = 256"),
        (released("deepseek-v3", num_experts_per_tok=300), "more than n_routed_experts"),
        (released("deepseek-v3", without=["q_lora_rank"]), "q_lora_rank is needed"),
        (released("deepseek-v3", first_k_dense_replace=True), "True is not a number"),
        (released("deepseek-v2", norm_topk_prob=True), "the class never renormalises and DeepSeek's own code does"),
        (released("deepseek-v2", topk_method="noaux_tc"), "'noaux_tc' is none of"),
        (released("deepseek-v2", without=["n_group"]), "group_limited_greedy needs n_group"),
        (released("deepseek-v3.2", mlp_layer_types=["dense"] * 2 + ["sparse"] * 59), "contradict each other"),
        (released("deepseek-v3.2", mlp_layer_types=["sparse"] * 3), "does not have an entry for each layer"),
        (released("deepseek-v3.2", without=["first_k_dense_replace"]), "says which layers are dense"),
        (released("deepseek-v3.2", mlp_layer_types=["wide"] * 61, first_k_dense_replace=None), "'wide' is none of"),
        (released("deepseek-v4-pro", norm_topk_prob=False), "always renormalises"),
        (released("deepseek-v4-pro", n_shared_experts=2), "n_shared_experts is not 1"),
        (released("deepseek-v4-pro", compress_ratios=[8] * 62), "8 is none of 0, 4, 128"),
        (released("deepseek-v4-pro", compress_ratios=[4] * 60), "does not have an entry for each layer"),
        (released("deepseek-v4-pro", without=["compress_ratios"]), "how each layer is compressed"),
        (released("deepseek-v4-pro", intermediate_size=18432), "name the same thing"),
        (released("deepseek-v4-pro", hc_mult=1), "streams of this family are several"),
        (released("glm-5", index_topk_pattern="FSFS"), "written out, as indexer_types"),
        (released("kimi-linear-48b-a3b", num_experts_per_tok=4), "name the same thing"),
        (released("kimi-linear-48b-a3b", tie_word_embeddings=True), "never ties"),
        (released("kimi-linear-48b-a3b", without=["layer_types"]), "says which layers are which"),
        (released("longcat-flash", num_hidden_layers=28), "num_hidden_layers is not twice num_layers"),
        (released("longcat-flash", without=["num_layers"], num_hidden_layers=56), "num_layers is needed"),
        (released("longcat-flash", zero_expert_type="constant"), "zero_expert_type is not identity"),
        (released("longcat-flash", norm_topk_prob=True), "does not renormalise"),
        (released("trinity-nano", route_norm=False), "always renormalises"),
        (released("trinity-nano", score_func="softmax"), "score_func is not sigmoid"),
        (released("trinity-nano", n_group=2), "knows none"),
        (released("trinity-nano", layer_types=["full_attention"] * 56), "none of 'sliding_attention'"),
        (released("ling-coder-lite", use_bias=True), "biases are not modelled"),
        (as_type("glm4_moe_lite", LATENT, head_dim=64), "name the same thing"),
        (as_type("glm4_moe_lite", LATENT, first_k_dense_replace=2), "makes the first layer dense"),
        (as_type("glm4v_moe", {"text_config": GLM_V}, hidden_size=32), "hidden_size is 32 for the whole and 16"),
        (
            as_type("glm4v_moe", {"text_config": GLM_V | {"tie_word_embeddings": True}}, tie_word_embeddings=False),
            "tie_word_embeddings is false for the whole and true for its text_config",
        ),
        (as_type("glm5_next", STREAMS | KDA | PLACES, index_kpool=4), "qk_rope_head_dim is not 0"),
        (as_type("bailing_hybrid", BAILING, linear_head_dim=4), "head_dim and linear_head_dim contradict"),
        (as_type("bailing_hybrid", BAILING, layer_types=["full_attention"] * 4), "none of 'linear_attention'"),
        (as_type("mistral_large4", INDEXED, first_k_dense_replace=1), "queries of this family have no rank"),
        (as_type("axk2", INDEXED, first_k_dense_replace=1, gated_norm_rank=2, n_group=2), "stand together"),
        (as_type("aria", ARIA, mlp_bias=True), "biases of the shared experts only"),
        (as_type("dots3_note", SLIDING, per_layer_config={"2": {"v_head_dim": 5}}), "fields of single layers"),
        (as_type("dots3_note", SLIDING, swa_head_dim=9), "swa_head_dim is not the sum"),
        (as_type("dots3_note_vision_encoder", SMALL), "an encoder of images"),
    ],
)
def test_what_is_wrong_or_not_known_is_refused_and_says_why(config, why):
    with pytest.raises(RefusedError) as refused:
        imported(config)
    assert why in str(refused.value)


def test_layers_of_multi_token_prediction_are_said_and_not_counted():
    with_them, without = released("deepseek-v3"), released("deepseek-v3", num_nextn_predict_layers=0)
    assert (architecture(with_them).n_mtp_layers, architecture(without).n_mtp_layers) == (1, 0)
    assert count(architecture(with_them)) == count(architecture(without))
    silent = released("deepseek-v3", without=["num_nextn_predict_layers"])
    assert architecture(silent).n_mtp_layers is None


def test_kimi_k2_is_read_by_the_code_that_its_file_names():
    as_deepseek = released("kimi-k2", model_type="deepseek_v3")
    assert architecture(released("kimi-k2")) == architecture(as_deepseek)


def test_a_design_is_named_only_where_it_fits():
    assert mixture(released("deepseek-v3")).router.design == "deepseek-v3-router"
    router = mixture(released("deepseek-v3", norm_topk_prob=False)).router
    assert (router.design, router.renormalise) == (None, False)


def test_groups_of_a_greedy_choice_are_not_groups():
    assert mixture(released("deepseek-v2")).router.n_groups == 8
    assert mixture(released("deepseek-v2", topk_method="greedy")).router.n_groups is None


def test_a_query_rank_of_none_is_a_plain_projection():
    d, heads, width = 2048, 16, 192
    ranked, plain = released("deepseek-v2-lite", q_lora_rank=512), released("deepseek-v2-lite")
    difference = count(architecture(plain)).total - count(architecture(ranked)).total
    assert difference == 27 * (d * heads * width - 512 * (d + 1 + heads * width))


def test_a_coefficient_of_the_auxiliary_loss_becomes_a_claim():
    assert imported(released("deepseek-v2")).claims["w_aux"] == (0.001, "aux_loss_alpha")
    assert "w_aux" not in imported(released("deepseek-v3")).claims


def test_the_last_compression_ratio_is_not_of_the_stack():
    last = sublayers(released("deepseek-v4-pro"), "compressed-attention")[-1]
    assert last.ratio == 4


def test_the_first_layers_of_deepseek_v4_look_experts_up():
    routers = [part.router for part in sublayers(released("deepseek-v4-pro"), "moe")]
    assert [router.order for router in routers[:4]] == ["hash", "hash", "hash", "score-then-topk"]
    assert (routers[0].selection_bias, routers[3].selection_bias) == (None, True)


def test_biases_of_glm_are_those_of_queries_keys_and_values():
    attention = sublayers(released("glm-4.5"), "attention")[0]
    assert (attention.qkv_bias, attention.output_bias, attention.qk_norm) == (True, False, "per-head")
    assert sublayers(released("glm-4.5", use_qk_norm=False), "attention")[0].qk_norm == "none"


@pytest.mark.parametrize(
    "config",
    [
        as_type("glm_moe_dsa", INDEXED, first_k_dense_replace=1, **SHARED),
        as_type("hy_v4", STREAMS | SHARED),
        as_type("mistral_large4", UNRANKED | SHARED, first_k_dense_replace=1, no_rope_layers=[1, 1, 1, 0]),
    ],
    ids=lambda config: config["model_type"],
)
def test_an_indexer_that_takes_over_a_choice_has_no_weights(config):
    shares = [part.indexer.takes_over_choice for part in sublayers(config, "mla")]
    assert shares == [False, True, True, False]
    all_own = config | {"indexer_types": ["full"] * 4}
    assert count(architecture(config)).total < count(architecture(all_own)).total


def test_the_schedule_of_indexers_is_that_of_the_code():
    config = released("glm-5", index_topk_freq=4, index_skip_topk_offset=3)
    shares = [part.indexer.takes_over_choice for part in sublayers(config, "mla")]
    assert shares[:8] == [False, False, False, True, True, True, False, True]


def test_glm_5_next_without_rotary_position_has_linear_layers_and_streams():
    config = as_type("glm5_next", STREAMS | KDA | PLACES, qk_rope_head_dim=0, index_kpool=4)
    kinds = [layer[0].kind for layer in architecture(config).decoder.layers()]
    assert kinds == ["kda", "mla", "kda", "mla"]
    assert mixture(config).activation == "clamped-swiglu"


def test_dots_names_a_way_to_choose_where_others_name_a_score():
    assert mixture(released("dots.llm1", scoring_func="noaux_tc")).router.score == "sigmoid"


def test_renamed_fields_of_bailing_and_kimi():
    assert mixture(as_type("bailing_hybrid", BAILING)).n_routed_experts == 4
    config = released("kimi-linear-48b-a3b", without=["num_experts_per_token"], num_experts_per_tok=8)
    assert mixture(config).experts_per_token == 8


def test_the_width_of_bailings_linear_heads_survives_that_the_class_writes_over_head_dim():
    saved = as_type("bailing_hybrid", BAILING | {"head_dim": 2}, linear_head_dim=8)
    assert count(architecture(saved)) == count(architecture(as_type("bailing_hybrid", BAILING)))


def test_layers_of_kimi_linear_are_listed_from_one():
    full = [number for number in range(1, 28) if number % 4 == 1 and number > 1]
    lists = {"full_attn_layers": full, "kda_layers": [n for n in range(1, 28) if n not in full]}
    nested = lists | {"head_dim": 128, "num_heads": 32, "short_conv_kernel_size": 4}
    without = ["layer_types", "linear_head_dim", "linear_num_heads", "linear_conv_kernel_dim"]
    config = released("kimi-linear-48b-a3b", without=without, linear_attn_config=nested)
    assert architecture(config).decoder == architecture(released("kimi-linear-48b-a3b")).decoder
    missing = nested | {"kda_layers": lists["kda_layers"][1:]}
    with pytest.raises(RefusedError, match="linear_attn_config"):
        imported(config | {"linear_attn_config": missing})


def test_keys_and_values_of_another_layer_are_refused():
    config = as_type("mistral_large4", UNRANKED, first_k_dense_replace=1, no_rope_layers=[1] * 4)
    assert architecture(config | {"kv_source_layers": [0, 1, 2, 3]}) == architecture(config)
    with pytest.raises(RefusedError, match="shares the keys and values of another layer"):
        imported(config | {"kv_source_layers": [0, 0, 2, 3]})


def test_zero_experts_are_chosen_and_weigh_nothing():
    config = released("longcat-flash")
    assert mixture(config).zero.count == 256
    parts = count(architecture(config)).parts
    none = count(architecture(config | {"zero_expert_num": 0})).parts
    assert parts["routed"].total == none["routed"].total
    assert parts["routed"].active * 3 == none["routed"].active * 2  # 12 choices fall on 512 of 768
    biased = architecture(config | {"router_bias": True})
    assert count(biased).total - count(architecture(config)).total == 28 * 768


def test_the_selection_bias_of_afmoe_is_a_parameter_and_that_of_deepseek_a_buffer():
    assert [weight.size for weight in mixture(released("trinity-nano")).weights] == [128]
    assert mixture(released("deepseek-v3")).weights == []


def test_aria_chooses_on_logits_and_the_experts_have_the_width_of_the_whole():
    aria = mixture(as_type("aria", {"text_config": ARIA}))
    assert (aria.router.order, aria.d_expert, aria.shared.count) == ("topk-then-score", 24, 2)


def test_groups_of_axk2_are_optional():
    fields = INDEXED | {"first_k_dense_replace": 1, "gated_norm_rank": 2}
    assert mixture(as_type("axk2", fields)).router.n_groups is None
    grouped = mixture(as_type("axk2", fields, n_group=2, topk_group=1)).router
    assert (grouped.n_groups, grouped.design) == (2, "deepseek-v3-router")


def test_layers_with_a_window_have_widths_of_their_own():
    windows = [(part.window, part.n_heads) for part in sublayers(as_type("dots3_note", SLIDING), "mla")]
    assert windows == [(None, 4), (None, 4), (512, 2), (512, 2)]

"""What is easily read wrongly in the files of Llama 4, Gemma 4, ERNIE, MiniMax, Switch, NLLB, Inkling and others."""

import json

import pytest
from config_files import RELEASED

from moe_kb.importing import RefusedError, read_config
from moe_kb.sizing import count

pytestmark = pytest.mark.integration


def released(name, /, text=None, **changes):
    """A released file with some fields changed; a value of `...` leaves the field out."""
    config = json.loads(RELEASED[name])
    inner = config[text] if text else config
    inner |= changes
    for field in [field for field, value in inner.items() if value is ...]:
        del inner[field]
    return json.dumps(config)


def architecture(text):
    return read_config(text, source="a-config").architecture


def decoder(text):
    return list(architecture(text).decoder.layers())


def kinds(text):
    """The kind of the last sublayer of every layer."""
    return [layer[-1].kind for layer in decoder(text)]


def total(text):
    return count(architecture(text)).total


def refused(text, reason):
    with pytest.raises(RefusedError, match=reason):
        read_config(text, source="a-config")


def test_llama_4_weights_the_input_of_experts_by_the_sigmoid_of_the_chosen_logits():
    mixture = decoder(released("llama-4-scout"))[0][-1]
    router = mixture.router
    assert (router.score, router.order, router.renormalise, router.weights_on) == (
        "sigmoid", "topk-then-score", False, "input",
    )  # fmt: skip
    assert (mixture.shared.count, mixture.shared.d_expert) == (1, mixture.d_expert)


def test_llama_4_has_dense_layers_of_another_width_between_sparse_ones():
    alternating = released("llama-4-scout", "text_config", interleave_moe_layer_step=2)
    layers = decoder(alternating)
    assert [layer[-1].kind for layer in layers[:3]] == ["dense", "moe", "dense"]
    assert (layers[0][-1].d_ffn, layers[1][-1].d_expert) == (16384, 8192)
    assert kinds(released("llama-4-scout", "text_config", moe_layers=[0]))[:2] == ["moe", "dense"]
    assert set(kinds(released("llama-4-scout", "text_config", moe_layers=[]))) == {"dense"}


def test_llama_4_normalises_queries_and_keys_only_where_positions_are_rotary():
    assert [layer[0].qk_norm for layer in decoder(released("llama-4-scout"))[:5]] == [
        "weightless", "weightless", "weightless", "none", "weightless",
    ]  # fmt: skip


def test_gemma_4_has_a_dense_network_beside_every_mixture():
    layers = decoder(released("gemma-4-26b-a4b"))
    assert all([part.kind for part in layer] == ["attention", "dense", "moe"] for layer in layers)
    assert all(layer[2].input_of == 2 for layer in layers)


def test_gemma_4_full_attention_has_its_own_heads_and_values_that_are_keys():
    layers = decoder(released("gemma-4-26b-a4b"))
    assert [layer[0].d_head for layer in layers[4:6]] == [256, 512]
    assert [layer[0].values_are_keys for layer in layers[4:6]] == [None, True]
    refused(released("gemma-4-26b-a4b", "text_config", global_head_dim=...), "global_head_dim is needed")


def test_gemma_4_last_layer_has_full_attention_whatever_the_list_says():
    layers = decoder(released("gemma-4-26b-a4b", "text_config", layer_types=["sliding_attention"] * 30))
    assert [layer[0].window for layer in layers[-2:]] == [1024, None]
    refused(released("gemma-4-26b-a4b", "text_config", layer_types=["linear"] * 30), "'linear' is none of")


def test_gemma_4_overrides_of_a_layer_that_are_not_known_are_refused():
    odd = {"5": {"head_dim": 512, "num_attention_heads": 4}}
    refused(released("gemma-4-26b-a4b", "text_config", per_layer_config=odd), "num_attention_heads is not understood")


def test_a_draft_model_of_gemma_4_is_refused_with_the_reason():
    refused('{"model_type": "gemma4_assistant"}', "draft model without experts")


def test_ernie_trains_its_selection_bias_and_counts_it():
    mixture = decoder(released("ernie-4.5-21b-a3b"))[1][-1]
    assert [weight.size for weight in mixture.weights] == [64]
    assert mixture.router.selection_bias


def test_ernie_sparse_layers_end_where_the_file_says():
    assert kinds(released("ernie-4.5-21b-a3b", moe_layer_end_index=-1))[-1] == "moe"
    assert kinds(released("ernie-4.5-21b-a3b", moe_layer_end_index=3))[:5] == ["dense", "moe", "moe", "moe", "dense"]
    every_other = kinds(released("ernie-4.5-21b-a3b", moe_layer_interval=2))
    assert every_other[:4] == ["dense", "moe", "dense", "moe"]


def test_ernie_vl_width_is_a_list_whose_first_is_for_text():
    config = json.loads(released("ernie-4.5-21b-a3b", model_type="ernie4_5_vl_moe_text", moe_intermediate_size=[9, 5]))
    unknown = [field for field in config if field.startswith("moe_layer_")]
    text = json.dumps({name: value for name, value in config.items() if name not in unknown})
    assert decoder(text)[1][-1].d_expert == 9
    refused(released("ernie-4.5-21b-a3b", moe_intermediate_size=[9, 5]), "d_expert")
    refused(text.replace("[9, 5]", "9"), "not a list of two widths")


def test_exaone_layers_are_those_of_the_list_in_the_released_file():
    assert kinds(released("k-exaone-236b-a23b"))[:2] == ["dense", "moe"]
    refused(released("k-exaone-236b-a23b", is_moe_layer=...), "first_last_k_dense_replace")
    refused(released("k-exaone-236b-a23b", is_moe_layer=[True]), "num_hidden_layers entries")
    refused(released("k-exaone-236b-a23b", scoring_func="softmax"), "not that of the code")


def test_lfm2_has_convolutions_where_the_list_says():
    layers = decoder(released("lfm2-8b-a1b"))
    assert [layer[0].kind for layer in layers[:3]] == ["short-convolution", "short-convolution", "attention"]
    biased = total(released("lfm2-8b-a1b", conv_bias=True)) - total(released("lfm2-8b-a1b"))
    assert biased == 18 * 5 * 2048
    refused(released("lfm2-8b-a1b", layer_types=...), "layer_types is needed")


def test_mimo_heads_differ_between_windowed_and_full_layers():
    full, windowed = (layer[0] for layer in decoder(released("mimo-v2-flash"))[:2])
    assert (full.n_kv_heads, full.d_head, full.d_value, full.sinks, full.window) == (4, 192, 128, False, None)
    assert (windowed.n_kv_heads, windowed.sinks, windowed.window) == (8, True, 128)
    refused(released("mimo-v2-flash", n_shared_experts=1), "no shared expert")
    refused(released("mimo-v2-flash", hybrid_layer_pattern=...), "must give one")


def test_minimax_0_is_lightning_and_1_is_softmax_attention():
    layers = decoder(released("minimax-text-01"))
    assert [layer[0].kind for layer in layers[6:8]] == ["lightning", "attention"]
    refused(released("minimax-text-01", attn_type_list=...), "must give one")
    refused(released("minimax-text-01", attn_type_list=[2] * 80), "2 is none of 0, 1")
    refused(released("minimax-text-01", shared_intermediate_size=4), "no shared expert")


def test_minimax_m2_width_of_an_expert_is_intermediate_size_and_mtp_is_left_out():
    found = architecture(released("minimax-m2.5"))
    assert found.n_mtp_layers == 3
    assert [layer[-1].d_expert for layer in found.decoder.layers()] == [1536] * 62
    assert total(released("minimax-m2.5", num_mtp_modules=0)) == total(released("minimax-m2.5"))
    refused(released("minimax-m2.5", scoring_func="softmax"), "scores by sigmoid")
    refused(released("minimax-m2.5", qk_norm_type="per_head"), "over all heads")


def test_switch_steps_come_from_the_counts_of_sparse_layers():
    fewer = released(
        "switch-base-32", num_sparse_encoder_layers=3, encoder_sparse_step=4, num_sparse_decoder_layers=12,
        decoder_sparse_step=...,
    )  # fmt: skip
    found = architecture(fewer)
    assert [layer[-1].kind for layer in found.encoder.layers()] == ["dense", "moe", "dense", "dense"] * 3
    assert all(layer[-1].kind == "moe" for layer in found.decoder.layers())
    refused(released("switch-base-32", encoder_sparse_step=3), "not num_layers over")
    refused(released("switch-base-32", num_sparse_encoder_layers=0, encoder_sparse_step=...), "still builds one")


def test_switch_networks_have_no_gate_and_one_expert():
    assert {layer[-1].activation for layer in decoder(released("switch-base-32"))} == {"relu"}
    refused(released("switch-base-32", feed_forward_proj="gated-gelu"), "without gate")
    refused(released("switch-base-32", num_selected_experts=2), "takes one expert")
    refused(released("switch-base-32", tie_word_embeddings=False), "three embedding tables")
    refused(released("switch-base-32", is_encoder_decoder=False), "has both")


def test_nllb_takes_two_experts_though_no_field_says_so():
    found = architecture(released("nllb-moe-54b"))
    assert {part.experts_per_token for layer in found.decoder.layers() for part in layer if part.kind == "moe"} == {2}
    policy = decoder(released("nllb-moe-54b", second_expert_policy="sampling"))[3][-1].router.second_expert
    assert policy == "sampled"
    refused(released("nllb-moe-54b", second_expert_policy="none"), "'none' is none of")
    refused(released("nllb-moe-54b", num_hidden_layers=12), "name the same thing")


STEP = {
    "model_type": "step3p7",
    "text_config": {
        "model_type": "step3p5", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 5, "vocab_size": 100,
        "num_attention_heads": 4, "num_attention_groups": 2, "head_dim": 16, "max_position_embeddings": 256,
        "moe_num_experts": 8, "moe_top_k": 2, "moe_intermediate_size": 24, "share_expert_dim": 32,
        "num_nextn_predict_layers": 1, "moe_layers_enum": "1,3,4",
        "layer_types": ["full_attention", "sliding_attention", *["full_attention"] * 4], "sliding_window": 16,
        "attention_other_setting": {"num_attention_heads": 6, "num_attention_groups": 2, "head_dim": 16},
    },
}  # fmt: skip


def step(**changes):
    return json.dumps(STEP | {"text_config": STEP["text_config"] | changes})


def test_step_names_its_sparse_layers_in_a_text_and_pads_its_lists():
    assert kinds(step()) == ["dense", "moe", "dense", "moe", "moe"]
    assert kinds(step(moe_layers_enum="1, 3,4")) == kinds(step())
    refused(step(moe_layers_enum="1-4"), "no list of whole numbers")
    refused(step(moe_layers_enum=["first"]), "no list of whole numbers")
    assert kinds(step(moe_layers_enum=[1])) == ["dense", "moe", "dense", "dense", "dense"]
    assert [layer[0].n_heads for layer in decoder(step())] == [4, 6, 4, 4, 4]
    assert architecture(step()).n_mtp_layers == 1
    refused(step(layer_types=["full_attention"] * 7), "num_hidden_layers entries")
    refused(step(attention_other_setting={"num_attention_groups": 4}), "key-value heads")


INKLING = {
    "model_type": "inkling_mm_model",
    "text_config": {
        "model_type": "inkling_text", "hidden_size": 64, "intermediate_size": 24, "dense_intermediate_size": 96,
        "num_hidden_layers": 7, "vocab_size": 100, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "swa_num_attention_heads": 2, "swa_num_key_value_heads": 1, "swa_head_dim": 32, "sliding_window_size": 8,
        "d_rel": 4, "rel_extent": 16, "sconv_kernel_size": 4, "n_routed_experts": 8, "n_shared_experts": 2,
        "num_experts_per_tok": 2, "route_scale": 8.0, "dense_mlp_idx": 1, "hidden_act": "silu",
        "model_max_length": 512,
    },
}  # fmt: skip


def inkling(**changes):
    return json.dumps(INKLING | {"text_config": INKLING["text_config"] | changes})


def test_inkling_intermediate_size_is_an_experts_width_where_a_dense_one_is_given():
    layers = decoder(inkling())
    assert (layers[0][-1].d_ffn, layers[1][-1].d_expert, layers[1][-1].shared.d_expert) == (96, 24, 24)
    other = json.loads(inkling(moe_intermediate_size=12))
    del other["text_config"]["dense_intermediate_size"]
    layers = decoder(json.dumps(other))
    assert (layers[0][-1].d_ffn, layers[1][-1].d_expert) == (24, 12)


def test_inkling_router_has_rows_for_the_shared_experts():
    mixture = decoder(inkling())[1][-1]
    assert mixture.weights[0].shape == [2, 64]
    assert mixture.router.design == "joint-shared-routed-softmax"
    refused(inkling(shared_expert_sink=False), "shared_expert_sink")
    refused(inkling(tie_word_embeddings=True), "head of its own")


def test_kolibri_adds_its_bias_to_the_logits():
    text = json.dumps({
        "model_type": "kolibri1", "hidden_size": 64, "num_hidden_layers": 5, "vocab_size": 100, "head_dim": 16,
        "num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 8, "num_experts_per_tok": 2,
        "moe_intermediate_size": 24, "shared_expert_intermediate_size": 32, "hidden_act": "silu",
        "max_position_embeddings": 256, "sliding_window": 16,
    })  # fmt: skip
    layers = decoder(text)
    router = layers[0][-1].router
    assert (router.design, router.order, router.renormalise) == ("logit-bias-sigmoid-router", "topk-then-score", False)
    assert [layer[0].window for layer in layers] == [16, 16, 16, 16, None]


def test_minimax_m3_reads_the_lists_of_0_and_1_of_released_files():
    fields = {
        "hidden_size": 64, "intermediate_size": 24, "dense_intermediate_size": 96, "shared_intermediate_size": 32,
        "num_hidden_layers": 2, "vocab_size": 100, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "num_local_experts": 8, "num_experts_per_tok": 2, "max_position_embeddings": 256, "hidden_act": "swigluoai",
        "moe_layer_freq": [0, 1],
        "sparse_attention_config": {
            "sparse_num_index_heads": 2, "sparse_index_dim": 8, "sparse_attention_freq": [0, 1],
        },
    }  # fmt: skip
    text = json.dumps({"model_type": "minimax_m3_vl", "text_config": fields})
    layers = decoder(text)
    assert [layer[-1].kind for layer in layers] == ["dense", "moe"]
    assert [sum(weight.size for weight in layer[0].weights) for layer in layers] == [0, 2 * 8 * 64 + 8 * 64 + 2 * 8]
    refused(text.replace('"sparse_attention_freq"', '"sparse_unknown"'), "sparse_unknown")


def test_arctic_residual_network_is_as_wide_as_the_model():
    layer = decoder(released("snowflake-arctic"))[0]
    assert (layer[1].d_ffn, layer[2].d_expert, layer[2].input_of) == (7168, 4864, 1)
    refused(released("snowflake-arctic", moe_layer_frequency=2), "moe_layer_frequency")
    refused(released("snowflake-arctic", use_residual=False), "use_residual")


def test_openmoe_has_a_dense_network_after_its_mixtures_and_four_matrices():
    layers = decoder(released("openmoe-8b"))
    assert [len(layer) for layer in layers[:6]] == [2, 2, 2, 2, 2, 3]
    assert layers[5][-1].activation == "swiglu-times-up"
    refused(released("openmoe-8b", gated=False), "hidden_act swiglu and a gate")


def test_yuan_has_three_vectors_an_expert_in_its_router_and_filters_queries_and_keys():
    D, E, layers = 2048, 32, 24
    parts = count(read_config(RELEASED["yuan2-m32"], source="s").architecture).parts
    assert parts["router"].total == layers * 3 * E * D
    filtering = 2 * (D * D // 2) * 2 + D // 2 + D + D
    assert parts["mixer"].total == layers * (4 * 4096 * D + filtering)


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("llama-4-scout", "text_config", "num_experts_per_tok"),
        ("gemma-4-26b-a4b", "text_config", "top_k_experts"),
        ("ernie-4.5-21b-a3b", None, "moe_k"),
        ("k-exaone-236b-a23b", None, "num_experts_per_tok"),
        ("lfm2-8b-a1b", None, "num_experts_per_tok"),
        ("mimo-v2-flash", None, "num_experts_per_tok"),
        ("minimax-m2.5", None, "num_experts_per_tok"),
        ("minimax-text-01", None, "num_experts_per_tok"),
        ("grok-1", None, "num_experts_per_tok"),
        ("snowflake-arctic", None, "num_experts_per_tok"),
        ("openmoe-8b", None, "topk"),
    ],
)
def test_more_chosen_experts_than_there_are_is_a_contradiction(name, text, field):
    refused(released(name, text, **{field: 1000}), f"{field} is more than")


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("llama-4-scout", "text_config", "num_key_value_heads"),
        ("gemma-4-26b-a4b", "text_config", "num_key_value_heads"),
        ("ernie-4.5-21b-a3b", None, "num_key_value_heads"),
        ("ernie-4.5-21b-a3b", None, "moe_num_shared_experts"),
        ("k-exaone-236b-a23b", None, "num_shared_experts"),
        ("minimax-text-01", None, "num_key_value_heads"),
        ("mimo-v2-flash", None, "v_head_dim"),
        ("nllb-moe-54b", None, "decoder_layers"),
        ("grok-1", None, "num_key_value_heads"),
        ("snowflake-arctic", None, "vocab_size"),
    ],
)
def test_a_null_is_no_width_or_count(name, text, field):
    refused(released(name, text, **{field: None}), f"{field} is needed, and the file gives it as null")


def test_what_is_neither_yes_nor_no_decides_nothing():
    refused(released("lfm2-8b-a1b", conv_bias="x"), "neither yes nor no")
    refused(released("llama-4-scout", "text_config", interleave_moe_layer_step=1.5), "1.5 is not a whole number")


@pytest.mark.parametrize("name", ["llama-4-scout", "gemma-4-26b-a4b", "nllb-moe-54b", "switch-base-32", "grok-1"])
def test_a_field_that_is_not_known_is_refused(name):
    config = json.loads(RELEASED[name])
    inner = config.get("text_config", config)
    inner["a_new_field"] = 3
    refused(json.dumps(config), "a_new_field = 3 is not understood")

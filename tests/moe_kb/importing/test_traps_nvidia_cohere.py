"""Traps of the AI21, MyShell, NVIDIA, Microsoft, Cohere, Databricks and SmallDoge families."""

import json

import pytest
from config_files import CONFIGS, MAMBA, SLIDING, SMALL, architecture, kinds, layers, released, total

from moe_kb.importing import RefusedError, read_config
from moe_kb.sizing import count

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
DBRX = {
    "d_model": 16,
    "vocab_size": 50,
    "n_heads": 4,
    "n_layers": 2,
    "max_seq_len": 64,
    "attn_config": {"kv_n_heads": 2},
    "ffn_config": {"ffn_hidden_size": 8, "moe_num_experts": 4, "moe_top_k": 2},
}


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

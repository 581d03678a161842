"""Traps of the Qwen families."""

import pytest
from config_files import SMALL, architecture, kinds, layers, total

from moe_kb.importing import RefusedError
from moe_kb.sizing import count

QWEN = {**SMALL, "moe_intermediate_size": 8, "shared_expert_intermediate_size": 10}
MIXED = {**SMALL, "moe_intermediate_size": 8}
LINEAR = {"num_value_heads": 4, "num_key_heads": 2, "key_head_dim": 4, "value_head_dim": 4, "conv_kernel_dim": 3}
HYBRID = QWEN | {f"linear_{name}": value for name, value in LINEAR.items()}
STREAMS = {"hc_count": 2, "hc_lowrank": 3, "indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 4}
TALKER = {name: value for name, value in QWEN.items() if name != "intermediate_size"}


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

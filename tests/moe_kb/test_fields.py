"""Words that people read for codes."""

from moe_kb.fields import value_label
from moe_kb.queries.designs import vocabularies


def test_no_code_of_a_vocabulary_is_shown():
    for name, codes in vocabularies().items():
        words = [value_label(name, code) for code in codes]
        assert len(set(words)) == len(codes)
        assert not [code for code, word in zip(codes, words, strict=True) if "-" in code and code == word], name


def test_values_without_a_label_stay():
    assert value_label("k", "8") == "8"
    assert value_label("balancing", "topk-only") == "topk-only"
    assert value_label("order", "not-applicable") == "—"
    assert value_label("scope", "whole-multimodal-model") == "whole multimodal model"

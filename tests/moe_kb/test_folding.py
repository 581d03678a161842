"""Letters as people type them."""

import pytest

from moe_kb.folding import fold, plain_letters, words


@pytest.mark.parametrize(("text", "plain"), [
    ("Økland", "okland"), ("Paweł Łukasz", "pawel lukasz"), ("Kökpınar", "kokpinar"), ("Straße", "strasse"),
    ("STRASSE", "strasse"), ("Æsir œuvre", "aesir oeuvre"), ("Đorđe", "dorde"), ("Þór Guðmundsson", "thor gudmundsson"),
    ("İstanbul", "istanbul"), ("Nguyễn", "nguyen"), ("Dvořák", "dvorak"), ("Ħal", "hal"), ("Ŋ", "n"), ("ﬁle", "file"),
    ("ＭｏＥ", "moe"), ("混合专家", "混合专家"), ("эксперт", "эксперт"), ("", ""),
])  # fmt: skip
def test_letters_lose_what_is_not_typed(text, plain):
    assert plain_letters(text) == plain


def test_folding_keeps_what_tells_names_apart():
    names = {"DeepSeek V3": "deepseekv3", "deepseek-v3": "deepseekv3", "Größe": "grosse", "C++": "c++", "C": "c"}
    names |= {"專家": "專家", "!?": "!?", "Ødegård": "odegard"}
    assert {name: fold(name) for name in names} == names


def test_words_are_letters_and_digits():
    assert words("noaux_tc, Top-K (Qwen3)") == ["noaux", "tc", "top", "k", "qwen3"]
    assert words("_-!") == []

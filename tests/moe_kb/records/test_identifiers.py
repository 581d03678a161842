"""What a pasted address or identifier identifies."""

import pytest

from moe_kb.records.identifiers import identified_in, without_addresses

ARXIV = "arxiv 2101.03961"
SAME = {
    ARXIV: [
        "https://arxiv.org/abs/2101.03961", "http://arxiv.org/pdf/2101.03961v3.pdf", "arxiv.org/html/2101.03961v1#S3",
        "https://www.arxiv.org/abs/2101.03961/", "https://export.arxiv.org/abs/2101.03961?context=cs",
        "arXiv:2101.03961",
        "ARXIV: 2101.03961v2", "2101.03961", "2101.03961v12", "https://doi.org/10.48550/arXiv.2101.03961",
        "10.48550/ARXIV.2101.03961v2", "https://huggingface.co/papers/2101.03961", "<https://arxiv.org/abs/2101.03961>",
        "https://www.alphaxiv.org/abs/2101.03961", "(arXiv:2101.03961)", "HTTPS://ARXIV.ORG/ABS/2101.03961",
    ],
    "arxiv cs/0701001": ["cs/0701001", "https://arxiv.org/abs/cs/0701001v2", "arXiv:cs.CL/0701001"],
    "doi 10.1162/neco.1991.3.1.79": [
        "10.1162/neco.1991.3.1.79", "doi:10.1162/neco.1991.3.1.79", "https://doi.org/10.1162/NECO.1991.3.1.79",
        "http://dx.doi.org/10.1162/neco.1991.3.1.79?x=1", "https://direct.mit.edu/doi/abs/10.1162/neco.1991.3.1.79#refs",
        "10.1162/neco.1991.3.1.79.", "https://doi.org/10.1162%2Fneco.1991.3.1.79",
    ],
    "openreview b1ckmdqlg": [
        "https://openreview.net/forum?id=B1ckMDqlg", "https://openreview.net/pdf?id=B1ckMDqlg",
        "openreview.net/forum?referrer=x&id=B1ckMDqlg#discussion",
        "https://openreview.net/forum?id=B1ckMDqlg&noteId=abcdefgh",
    ],
    "acl 2024.acl-long.70": [
        "https://aclanthology.org/2024.acl-long.70/", "aclanthology.org/2024.acl-long.70.pdf", "2024.acl-long.70",
    ],
    "acl p19-1001": ["https://www.aclweb.org/anthology/P19-1001", "aclanthology.org/P19-1001v2.pdf", "P19-1001"],
    "url huggingface.co/deepseek-ai/deepseek-v3": [
        "https://huggingface.co/deepseek-ai/DeepSeek-V3", "hf.co/deepseek-ai/DeepSeek-V3/",
        "https://huggingface.co/deepseek-ai/DeepSeek-V3/blob/main/config.json?raw=true#L2",
    ],
    "url github.com/microsoft/tutel": [
        "https://github.com/microsoft/Tutel", "https://github.com/microsoft/tutel.git",
        "git@github.com:microsoft/tutel.git",
        "http://www.github.com/Microsoft/tutel/tree/main/examples?tab=readme", "github.com/microsoft/tutel/",
        "https://raw.githubusercontent.com/microsoft/tutel/main/README.md",
    ],
    "url example.org/blog/moe": ["https://www.example.org/blog/moe/?utm_source=x#top", "http://example.org/blog/moe"],
}  # fmt: skip


@pytest.mark.parametrize(("meant", "text"), [(meant, text) for meant, texts in SAME.items() for text in texts])
def test_every_way_to_write_it_is_the_same(meant, text):
    assert identified_in(text) == [meant]


@pytest.mark.parametrize("text", [
    "top-2 gating", "8x7B v0.1", "GPT-4.5", "2413.00001", "1.5/2", "and/or", "DeepSeek-V3/R1", "arxiv", "10.1",
    "2401.123", "12401.06066", "https://", "doi:", "",
])  # fmt: skip
def test_words_and_impossible_identifiers_are_none(text):
    assert identified_in(text) == []


def test_an_acl_doi_is_both():
    assert identified_in("10.18653/v1/2024.acl-long.70") == ["doi 10.18653/v1/2024.acl-long.70", "acl 2024.acl-long.70"]


@pytest.mark.parametrize(
    "text", ["a." * 250, "http://" * 70, "10.1234/" * 60, "openreview.net/x?" + "&id=" * 120, "%" * 500]
)
def test_hostile_text_is_read_in_no_time(text):
    assert len(identified_in(text)) < 100
    assert isinstance(without_addresses(text), str)

"""Searches as people type them on the real records, with what they expect to see first."""

from itertools import islice
from random import Random

import pytest

from moe_kb.queries.find import KINDS

pytestmark = pytest.mark.integration

#: Text, kind, and keys of which one stands among the first three of that kind.
EXPECTED = [
    # Names, in parts and in other spellings.
    ("mixtral", "model", "mixtral"), ("seekmoe", "paper", "deepseekmoe"), ("deepseek v3", "model", "deepseek-v3"),
    ("dsv3", "model", "deepseek-v3"), ("DEEPSEEKV3", "model", "deepseek-v3"), ("gshard", "paper", "gshard"),
    ("v-moe", "paper", "v-moe"), ("vllm", "system", "vllm"), ("h100", "accelerator", "h100-sxm h100-pcie"),
    ("moonshot", "model", "kimi-k2 kimi-k2.6 kimi-linear"), ("switch transformer", "paper", "switch-transformer"),
    # Designs under the names that people know.
    ("noaux_tc", "design", "deepseek-v3-router"), ("loss-free", "design", "deepseek-v3-router loss-free-bias-update"),
    ("aux loss free", "design", "deepseek-v3-router loss-free-bias-update"),
    ("DeepSeek-V3 router", "design", "deepseek-v3-router"), ("Mixtral router", "design", "mixtral-top2-router"),
    ("qwen router", "design", "mixtral-top2-router unnormalised-top-k-router"),
    ("gpt-oss router", "design", "topk-softmax-router"), ("llama 4 router", "design", "input-scaled-sigmoid-router"),
    ("olmoe gate", "design", "unnormalised-top-k-router"),
    ("norm_topk_prob", "design", "unnormalised-top-k-router topk-then-sigmoid-router"),
    ("DeepseekV3TopkRouter", "design", "deepseek-v3-router"),
    # Ideas, whole or in short.
    ("capacity factor", "design", "expert-capacity"),
    ("routing collapse", "paper", "x-moe similarity-preserving-routers"),
    ("lb loss", "design", "load-balancing-loss"), ("load balancing", "design", "load-balancing-loss"),
    ("ep", "design", "expert-parallelism"), ("a2a", "design", "hierarchical-all-to-all expert-parallelism"),
    ("z loss", "design", "router-z-loss"),
    ("topk gating", "design", "noisy-top-k topk-softmax-router topk-then-sigmoid-router"),
    ("null experts", "design", "adamoe-null-experts"), ("upcycling", "design", "sparse-upcycling"),
    ("hash layers", "paper", "hash-layer"), ("mixture of depths", "design", "mixture-of-depths-router"),
    ("gating function", "node", "survey-a:algorithm/gating-function"),
    # Authors.
    ("Noam Shazeer", "paper", "sparsely-gated-moe mesh-tensorflow glu-variants switch-transformer st-moe"),
    ("Shazeer, Noam", "paper", "sparsely-gated-moe mesh-tensorflow glu-variants switch-transformer st-moe"),
    ("fedus zoph shazeer", "paper", "switch-transformer st-moe"),
    # Slips.
    ("switch transfomer", "paper", "switch-transformer"), ("mixtrl", "model", "mixtral"),
    ("expret choise", "design", "expert-choice"), ("routing colapse", "paper", "x-moe similarity-preserving-routers"),
    ("trasnformer swtich", "model", "switch-transformer"), ("deepsek v3", "model", "deepseek-v3"),
    # Addresses.
    ("https://arxiv.org/abs/2101.03961", "paper", "switch-transformer"),
    ("arXiv:2101.03961v3", "paper", "switch-transformer"),
    ("https://arxiv.org/pdf/2101.03961.pdf?download=1", "paper", "switch-transformer"),
    ("10.48550/arXiv.2101.03961", "paper", "switch-transformer"),
    ("https://doi.org/10.1145/3503221.3508417", "paper", "bagualu"),
    ("https://github.com/microsoft/Tutel/tree/main/tutel", "system", "tutel"),
    ("huggingface.co/deepseek-ai/DeepSeek-V2/", "model", "deepseek-v2"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "keys"), EXPECTED, ids=[text for text, *_ in EXPECTED])
def test_searches_find_what_people_expect(real_kb, text, kind, keys):
    found = real_kb.find(text)
    first = [hit.key for hit in found.hits.get(kind, ())][:3]
    assert {*first} & {*keys.split()}, first


FORMS = [
    ("aux loss free", "auxiliary-loss-free", "loss-free"), ("lb", "load balancing"), ("top k", "top-k", "topk"),
    ("mla", "multi-head latent attention"), ("Noam Shazeer", "N. Shazeer", "shazeer noam"), ("a2a", "all to all"),
]  # fmt: skip


@pytest.mark.parametrize("forms", FORMS, ids=" ".join)
def test_forms_of_one_thing_find_the_same(real_kb, forms):
    found = [{hit.record for hit in real_kb.search(form, limit=1000)} for form in forms]
    assert found[0]
    assert all(records == found[0] for records in found)


def test_every_paper_is_found_by_its_address(real_kb):
    with real_kb.reader() as reader:
        papers = reader.tuples("SELECT record, arxiv, doi FROM papers WHERE arxiv IS NOT NULL OR doi IS NOT NULL")
    for record, arxiv, doi in Random(1).sample(papers, 40):
        for text in filter(None, (arxiv and f"http://arxiv.org/pdf/{arxiv}v2", doi and f"https://dx.doi.org/{doi}")):
            assert record in {hit.record for hit in real_kb.search(text)}, text


def test_every_author_has_a_page_with_the_papers(real_kb):
    with real_kb.reader() as reader:
        authors = reader.tuples("SELECT author, record FROM authors ORDER BY author, record")
    for author, record in Random(2).sample(authors, 60):
        page = real_kb.author(author)
        assert record in page.person.records, author
        assert author in page.person.spellings


def test_short_forms_say_something_here(real_kb):
    with real_kb.reader() as reader:
        terms = reader.values("SELECT DISTINCT term FROM short_forms")
    assert len(terms) > 40
    for term in Random(3).sample(terms, 15):
        assert real_kb.search(term, limit=1), term


def test_any_text_is_answered(real_kb):
    random = Random(4)
    with real_kb.reader() as reader:
        words = list(islice(reader.values("SELECT word FROM words ORDER BY records DESC"), 3000))
    signs = "\"'()*:^-+{}[]<>%_\\/;\x00\u202eøß混\ud800🤖"
    for _ in range(60):
        made = [
            "".join(random.sample(word, len(word))) if random.random() < 0.3 else word
            for word in random.sample(words, 12)
        ]
        text = "".join(word + random.choice((" ", " ", random.choice(signs))) for word in made)
        found = real_kb.find(text[: random.choice((20, 80, 600))])
        assert set(found.hits) <= {*KINDS}
        assert all(hit.name for hit in found.all)

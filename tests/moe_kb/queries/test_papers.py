"""Papers as rows: search, facets, and what a paper's page adds."""

import pytest

from moe_kb.queries.papers import Facets, links, venue_family, venues


@pytest.mark.parametrize(("venue", "family"), [
    ("ICLR 2021", "ICLR"), ("ArXiv 2024", "arXiv"), ("arXiv", "arXiv"), ("NIPS 2022", "NeurIPS"),
    ("Proceedings of the National Academy of Sciences 117(42)", "Proceedings of the National Academy of Sciences"),
    ("2024", "2024"), (None, None), ("", None),
])  # fmt: skip
def test_venues_lose_their_year(venue, family):
    assert venue_family(venue) == family


def test_catalogue_is_newest_first_with_links_and_designs(kb):
    alpha, beta = kb.papers()
    assert (alpha.name, alpha.year, alpha.designs, alpha.nodes) == ("Alpha", 2021, 1, ("Sparse",))
    assert alpha.url == "https://example.org/alpha"
    assert (beta.name, beta.url, beta.code) == ("Beta", None, None)
    assert venues([alpha, beta, alpha])[0] == "Conference of Examples"


@pytest.mark.parametrize(("facets", "names"), [
    (Facets(), ["Alpha", "Beta"]), (Facets(text="lpha"), ["Alpha"]), (Facets(text="share"), ["Beta"]),
    (Facets(node="first:algorithm/gating/sparse"), ["Alpha"]), (Facets(node="first:algorithm"), ["Alpha", "Beta"]),
    (Facets(years=(2020, 2020)), ["Beta"]), (Facets(venues=("Conference of Examples",)), ["Alpha"]),
    (Facets(scopes=("survey",)), []), (Facets(with_code=True), ["Alpha"]),
    (Facets(text="alpha", years=(2020, 2020)), []),
])  # fmt: skip
def test_facets_narrow_the_list(kb, facets, names):
    assert [paper.name for paper in kb.papers(facets)] == names


def test_a_paper_page_gathers_placements_designs_and_models(kb):
    page = kb.paper_page("alpha")
    assert [(place.node, place.printed, place.source) for place in page.placements] == [
        ("first:algorithm/gating/sparse", "Alpha; Alpha-L", "first-survey")
    ]
    assert [(use.record, use.role) for use in page.designs] == [("design:alpha-router", "introduces")]
    assert page.models == {"model:alpha": "Alpha"}


def test_links_are_named_once_each(kb):
    assert links(kb.paper("alpha")) == {
        "Paper": "https://example.org/alpha",
        "Code": "https://example.org/alpha-code",
        "arXiv": "https://arxiv.org/abs/2103.00001",
    }
    assert links(kb.paper("beta")) == {}

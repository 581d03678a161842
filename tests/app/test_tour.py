"""The tour."""

import pytest

STEPS = ["A token meets a router", "Models are made of such layers", "What a model costs", "Run one yourself"]


def test_each_step_leads_to_its_page(open_page, texts):
    at = open_page("tour")
    labels = [link.label for link in at.get("page_link")]
    assert labels[0] == "Leave the tour"
    assert {"All routers, compared", "All models, to compare", "Run it in the lab"} <= set(labels)
    assert at.code[0].value.startswith("moe-kb run ")
    assert "[Alpha router](design?key=alpha-router), used by 1 model here." in texts(at)


@pytest.mark.integration
def test_the_real_tour_has_four_steps(open_real_page):
    at = open_real_page("tour")
    assert [header.value for header in at.header] == [f"{n}. {title}" for n, title in enumerate(STEPS, start=1)]
    assert len(at.get("bidi_component")) >= 3

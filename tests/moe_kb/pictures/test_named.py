"""Pictures by the names of records, through the knowledge base."""

import re

import pytest
from svgs import foreign_to_svg, misplaced, words_of

from moe_kb.errors import NotFoundError


def test_a_name_says_what_is_drawn(kb):
    gate = kb.picture("alpha-router")
    assert gate.alt.startswith("Alpha router. ")
    assert re.match(r'<svg [^>]*viewBox="0 0 960 ', gate.svg)
    assert kb.picture("design:alpha-router", size="card").width == 320
    model = kb.picture("model:alpha")
    assert model.alt.startswith("Alpha 1B.")
    assert kb.picture("alpha") == kb.picture("model:alpha#1B") == model
    assert kb.picture("alpha", size="card").width < model.width
    assert kb.picture("lineage").alt.startswith("The lineage of gating")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nosuch", "there is no design"),
        ("alph", "Did you mean: alpha"),
        ("model:alpha#2B", "no configuration 2B with layers"),
        ("paper:beta", "paper:beta has no picture. Gating designs"),
        ("Lineage", "there is no"),
    ],
)
def test_what_has_no_picture_is_named(kb, name, message):
    with pytest.raises(NotFoundError, match=message):
        kb.picture(name)


def test_several_of_one_kind_are_cards(kb):
    designs = kb.pictures(["alpha-router", "design:beta-router"])
    assert [drawn.width for drawn in designs] == [320, 320]
    assert all('class="hot"' in drawn.svg for drawn in designs)
    assert {drawn.width for drawn in kb.pictures(["alpha", "model:alpha#1B"])} == {356}
    with pytest.raises(NotFoundError, match="of one kind, not design and model"):
        kb.pictures(["alpha-router", "model:alpha"])
    with pytest.raises(NotFoundError, match="a sheet of its own"):
        kb.poster(["lineage", "alpha-router"])
    for several in (kb.pictures, kb.poster):
        with pytest.raises(NotFoundError, match="no picture is named"):
            several([])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["alpha"], ["Alpha 1B", "Layers read in Alpha config, config.json", "Read from the bottom up"]),
        (["alpha", "model:alpha"], ["underlined: the models differ"]),
        (["alpha-router"], ["Alpha router", "Not stated:"]),
        (["alpha-router", "beta-router"], ["Alpha router", "Beta router", "lit: the designs differ"]),
        (["lineage"], ["The lineage of gating"]),
    ],
)
def test_a_poster_names_what_it_shows(kb, names, said):
    sheet = kb.poster(names)
    assert "light-dark" not in sheet.svg
    assert foreign_to_svg(sheet.svg) == []
    lines = " | ".join(words_of(sheet.svg))
    assert [words for words in said if words not in lines] == []


@pytest.mark.integration
def test_real_posters_keep_their_words_apart(real_kb):
    for names in (
        ["deepseek-v3", "model:mixtral#8x7B", "gpt-oss"],
        [f"model:{model.key}" for model in real_kb.briefs("model") if model.key in ("mixtral", "jamba", "switch")],
    ):
        sheet = real_kb.poster(names)
        assert (misplaced(sheet), foreign_to_svg(sheet.svg)) == ([], [])

"""Pictures of gating designs: what they show, that they differ where designs do, and that nothing in them acts."""

import itertools
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from svgs import foreign_to_svg, text_boxes

from moe_kb.fields import GATING_PROPERTIES
from moe_kb.pictures.design import Subject, card, cards, sentence
from moe_kb.pictures.design import draw as draw_page
from moe_kb.queries.designs import Property, vocabularies

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    '"><script>alert(1)</script>', "<img src=x onerror=alert(1)>", "]]><svg onload=alert(1)>", "&#60;b&#62; &amp; <",
    "javascript:alert(1)", "</text></svg><a href='javascript:1'>x", "\u202eabc\u0000\u0008\ud800 \u2066", "a" * 400,
)  # fmt: skip
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1, max_size=60).filter(str.strip))


def stated(values):
    """Properties with the same source for all."""
    return [Property(name, value, None, "reported", "source", "§1") for name, value in values.items()]


def property_sets(texts=TEXTS):
    words = vocabularies()
    values = {name: st.sampled_from(words[name]) if name in words else texts for name in GATING_PROPERTIES}
    values["k"] = st.integers(0, 10**6).map(str)
    return st.fixed_dictionaries({}, optional=values)


def root_of(picture):
    return ElementTree.fromstring(picture.svg)


def seen(picture):
    """What is painted, without the words that only a screen reader or a pointer finds."""
    root = root_of(picture)
    root.attrib.pop("aria-label")
    for parent in root.iter():
        parent.attrib.pop("data-part", None)
        for child in [child for child in parent if child.tag in (f"{SVG}title", f"{SVG}desc")]:
            parent.remove(child)
    return ElementTree.tostring(root)


def written(picture):
    return [text.text for text in root_of(picture).iter(f"{SVG}text")]


def check_harmless(picture):
    assert foreign_to_svg(picture.svg) == []


def draw(name, properties, *, sources=None, size="page", lit=()):
    subject = Subject(name, properties, sources or {})
    return draw_page(subject) if size == "page" else card(subject, lit=lit).picture("auto")


@given(property_sets(), TEXTS, st.sampled_from(["card", "page"]))
def test_record_text_never_becomes_markup(values, name, size):
    picture = draw(name, stated(values), sources={"source": name}, size=size, lit=values)
    check_harmless(picture)
    assert "<script" not in picture.svg
    assert "<img" not in picture.svg


def visible_key(values):
    return {name: " ".join(str(value).split()) for name, value in values.items()}


@given(property_sets(st.text("ab <&", min_size=1, max_size=90).filter(str.strip)), st.data())
def test_designs_that_differ_look_different(values, data):
    other = dict(values)
    name = data.draw(st.sampled_from(list(GATING_PROPERTIES)))
    changed = data.draw(property_sets(st.text("ab <&", min_size=1, max_size=90).filter(str.strip)))
    other.pop(name, None)
    if name in changed:
        other[name] = changed[name]
    if visible_key(values) == visible_key(other):
        return
    first, second = (draw("A design", stated(properties)) for properties in (values, other))
    assert seen(first) != seen(second), name
    if name in vocabularies():
        assert seen(draw("A", stated(values), size="card")) != seen(draw("A", stated(other), size="card")), name


@pytest.mark.integration
@pytest.mark.parametrize("size", ["card", "page"])
def test_all_pairs_of_real_designs_differ(real_kb, size):
    gates = real_kb.gates()
    properties = {gate.record: {name: value for name, value in gate.properties.items() if value} for gate in gates}
    pictures = {gate.record: seen(draw("Same name", real_kb.properties(gate.record), size=size)) for gate in gates}
    assert len(pictures) >= 98
    same = [
        (one, other)
        for one, other in itertools.combinations(pictures, 2)
        if pictures[one] == pictures[other] and properties[one] != properties[other]
    ]
    assert same == []


@pytest.mark.integration
def test_words_stay_on_the_real_sheets(real_kb):
    for gate in real_kb.gates():
        for size in ("card", "page"):
            picture = real_kb.picture(gate.record, size=size)
            check_harmless(picture)
            for box in text_boxes(picture.svg, 0.85):  # as a usual font has it
                assert box.left >= -1, (gate.record, box.text)
                assert box.right <= picture.width + 1, (gate.record, box.text)


def test_what_is_not_stated_is_said():
    picture = draw("Empty", [])
    said = " ".join(written(picture))
    for words in ("unit not stated", "choice not stated", "k not stated", "not stated"):
        assert words in said
    assert "Not stated: who chooses, experts per token, k, score" in said
    assert "dash" in picture.svg
    assert "choice that is not stated" in picture.alt


@pytest.mark.parametrize("k", ["0", "1", "8", "99", "1000000", "-3", "²", "9" * 5000])
def test_any_k_can_be_drawn(k):
    for chooser, experts in itertools.product(vocabularies()["chooser"], vocabularies()["experts_per_token"]):
        values = {"chooser": chooser, "experts_per_token": experts, "k": k, "overflow": "dropped", "groups": "two"}
        check_harmless(draw("A", stated(values)))
        check_harmless(draw("A", stated({**values, "overflow": "next-expert"}), size="card"))


def test_same_design_is_same_picture():
    values = {"chooser": "token", "k": "2", "noise": "jitter"}
    assert draw("A", stated(values)) == draw("A", stated(dict(values)))


def test_sentence_says_what_is_drawn():
    values = {
        "chooser": "token", "experts_per_token": "fixed-k", "k": "8", "score": "sigmoid", "renormalised": "yes",
        "granularity": "token", "trainable": "yes", "selection_bias": "yes", "shared_experts": "yes",
    }  # fmt: skip
    said = sentence("Sigmoid router", stated(values))
    assert said == (
        "Sigmoid router. Tokens choose their experts by sigmoid scores of a learned router. Experts per token: top-8. "
        "Weights of the chosen experts: scaled to sum to one. A bias per expert takes part in the choice only. "
        "Shared experts process every token."
    )
    assert draw("Sigmoid router", stated(values)).alt == said


def test_tooltips_name_the_source():
    picture = draw("A", stated({"score": "cosine"}), sources={"source": "A survey"})
    tips = [title.text for title in root_of(picture).iter(f"{SVG}title")]
    assert any("Score: cosine [A survey, §1]" in tip for tip in tips)


def test_lit_parts_are_marked():
    values = stated({"score": "cosine", "chooser": "token", "balancing": "a loss"})
    assert "hot" not in {e.get("class") for e in root_of(draw("A", values, size="card")).iter()}
    lit = root_of(draw("A", values, size="card", lit=["balancing"]))
    parts = [part.get("data-part") for part in lit.iter(f"{SVG}g") if any(c.get("class") == "hot" for c in part)]
    assert parts == ["balancing"]


def test_cards_light_what_differs():
    first, second = stated({"score": "cosine", "k": "1"}), stated({"score": "hash", "k": "1", "noise": "jitter"})
    drawn = [panel.picture("auto") for panel in cards([Subject("A", first), Subject("B", second)])]
    for picture in drawn:
        groups = [part for part in root_of(picture).iter(f"{SVG}g") if any(c.get("class") == "hot" for c in part)]
        assert {name for part in groups for name in part.get("data-part").split()} == {"score", "trainable"}

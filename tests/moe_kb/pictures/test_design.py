"""Pictures of gating designs: what they show, that they differ where designs do, and that nothing in them acts."""

import itertools
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_kb.errors import NotFoundError
from moe_kb.fields import GATING_PROPERTIES
from moe_kb.pictures.design import draw, sentence
from moe_kb.pictures.svg import HREF, PALETTES, node, width_of, wrapped
from moe_kb.queries.designs import Property, vocabularies

SVG = "{http://www.w3.org/2000/svg}"
#: What may stand in a picture, written down a second time.
ELEMENTS = {"svg", "style", "title", "desc", "g", "a", "rect", "circle", "path", "text"}
ATTRIBUTES = {
    *("viewBox", "width", "height", "role", "aria-label", "class", "x", "y", "rx", "cx", "cy", "r", "d", "transform"),
    *("text-anchor", "font-size", "font-weight", "font-style", "href", "data-record", "data-part"),
}
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
    for element in root_of(picture).iter():
        assert element.tag.removeprefix(SVG) in ELEMENTS
        assert set(element.attrib) <= ATTRIBUTES
        assert HREF.fullmatch(element.get("href", "design?key=a"))
        if element.tag == f"{SVG}style":
            assert "url" not in element.text
            assert "@import" not in element.text


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
            for text in root_of(picture).iter(f"{SVG}text"):
                scaled = 1.5 if size == "page" and float(text.get("font-size")) < 12 else 1
                wide = width_of(text.text, float(text.get("font-size"))) * 0.85  # as a usual font has it
                left = float(text.get("x")) - wide * {"middle": 0.5, "end": 1}.get(text.get("text-anchor"), 0)
                assert left >= -1, (gate.record, text.text)
                assert (left + wide) * scaled <= picture.width + 1, (gate.record, text.text)


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


def test_builder_refuses_other_names():
    for tag, attributes in (("script", {}), ("image", {}), ("g", {"onclick": "x"}), ("g", {"style": "x"})):
        with pytest.raises(ValueError, match="pictures have no"):
            node(tag, **attributes)
    for address in ("javascript:alert(1)", "https://evil.example", "design?key=a&x=1", "//evil?key=a", "design?key=A"):
        with pytest.raises(ValueError, match="links to pages of records"):
            node("a", href=address)


def test_long_words_are_broken():
    lines = wrapped("a" * 100 + " b", 10, 60)
    assert "".join(lines).replace(" ", "") == "a" * 100 + "b"
    assert all(width_of(line, 10) <= 60 for line in lines)
    assert wrapped("a " * 90, 10, 60, 2)[-1].endswith("…")
    assert len(wrapped("a" * 200_000, 10, 60)) == 20_000, "long texts cost what they are long"


def brightness(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    high, low = sorted((brightness(one), brightness(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_have_contrast(theme):
    colours = PALETTES[theme]
    for ground in ("paper", "tint", "hot"):
        for role in ("ink", "muted"):
            assert contrast(colours[role], colours[ground]) >= 4.5, (role, ground)
    for ground in ("paper", "tint"):
        for role in ("blue", "orange", "green", "pink", "red"):
            assert contrast(colours[role], colours[ground]) >= 4.5, (role, ground)
        assert contrast(colours["line"], colours[ground]) >= 3, ground


def test_theme_chooses_the_colours():
    values = stated({"chooser": "token"})
    light, dark, auto = (draw("A", values, theme=theme).svg for theme in ("light", "dark", "auto"))
    assert "prefers-color-scheme" in auto
    assert "prefers-color-scheme" not in light + dark
    assert PALETTES["dark"]["paper"] in dark
    assert PALETTES["dark"]["paper"] not in light
    assert "@media print" in dark, "paper is white"


def test_facade_draws_gates_only(kb):
    picture = kb.picture("alpha-router")
    assert picture.alt.startswith("Alpha router. ")
    assert re.match(r'<svg [^>]*viewBox="0 0 960 ', picture.svg)
    assert kb.picture("design:alpha-router", size="card").width == 320
    with pytest.raises(NotFoundError):
        kb.picture("nosuch")
    with pytest.raises(NotFoundError, match="no gating design"):
        kb.picture("model:alpha")

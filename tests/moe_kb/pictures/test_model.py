"""Block diagrams of models: what they say, that they differ where layers do, and that no text stands over another."""

import re
import typing
import xml.etree.ElementTree as ET

import pytest
import small
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from small import architecture
from strategies import records
from svgs import foreign_to_svg, misplaced
from svgs import words_of as lines_of

from moe_kb.pictures import model
from moe_kb.pictures.model import Subject
from moe_kb.pictures.poster import poster as sheet
from moe_kb.pictures.svg import Picture
from moe_kb.records import Architecture
from moe_kb.records.sublayers import AnySublayer, Weight

MEMBERS = typing.get_args(typing.get_args(AnySublayer)[0])
SHARED = small.MOE | {"shared": {"count": 2, "d_expert": 5}}
GROUPED = small.MOE | {"router": {"n_groups": 4, "top_groups": 2, "score": "sigmoid", "selection_bias": True}}


def subject(built: Architecture, label: str = "M 1B") -> Subject:
    return Subject(label, built, "a config", {"switch-top1-router": "Switch top-1 router"})


def picture(of: Subject, *, wide: bool = True) -> Picture:
    return model.panel(of, wide=wide).picture("auto")


def pictures(of: list[Subject]) -> list[Picture]:
    return [panel.picture("auto") for panel in model.panels(of)]


def poster(of: list[Subject]) -> Picture:
    return sheet(model.panels(of), model.NOTES, theme="light")


def drawn(*sublayers, **fields) -> Picture:
    return picture(subject(architecture(*sublayers, **fields)))


def lines(shown: Picture) -> list[str]:
    return lines_of(shown.svg)


def words(shown: Picture) -> str:
    return " | ".join(lines(shown))


def lit(shown: Picture) -> set[str]:
    """What is underlined."""
    return {run.text for run in ET.fromstring(shown.svg).findall(".//{*}tspan") if run.get("class") == "lit"}


def edged(shown: Picture) -> bool:
    """Whether a box has the edge of what another model lacks."""
    return any("red-edge" in box.get("class", "") for box in ET.fromstring(shown.svg).findall(".//{*}rect"))


def squares(shown: Picture, role: str) -> int:
    """How many squares have a fill."""
    paths = ET.fromstring(shown.svg).findall(".//{*}path")
    return sum(path.get("d").count("z") for path in paths if role in path.get("class", "").split())


def dashed(shown: Picture) -> int:
    return sum("dash" in box.get("class", "") for box in ET.fromstring(shown.svg).findall(".//{*}rect"))


def test_the_whole_says_embedding_repeats_and_head():
    said = words(drawn(small.ATTENTION, small.MOE, repeat=7, context_length=4096))
    for text in ("Token embedding", "50 entries · width 12", "4,096 positions in config", "Decoder: 7 layers", "× 7"):
        assert text in said
    assert "weights of its own" in said
    assert "one tensor with the embedding (tied)" in words(drawn(small.MOE, tied_embeddings=True))


def test_nested_patterns_have_all_their_repeats():
    inner = [{"repeat": 3, "sublayers": [small.DELTA, small.MOE]}, {"sublayers": [small.ATTENTION, small.MOE]}]
    shown = drawn(decoder={"groups": [{"sublayers": [small.DENSE]}, {"repeat": 5, "groups": inner}]})
    assert {"× 3", "× 5", "DeltaNet + MoE", "GQA + MoE", "FFN", "Decoder: 21 layers"} <= set(lines(shown))
    assert "15 of 21 layers" in words(shown)
    assert "5 of 21 layers · every 4th layer, 5 to 21" in words(shown)
    assert "1 of 21 layers · layer 1" in words(shown)


@pytest.mark.parametrize("depth", [1, 3, 6, 20])
def test_patterns_nest_as_deep_as_they_like(depth):
    group = {"repeat": 2, "sublayers": [small.ATTENTION, small.MOE]}
    for level in range(depth):
        group = {"repeat": 2 if level < 8 else 1, "groups": [group]}
    stack = {"groups": [group]}
    for shown in (drawn(decoder=stack), drawn(encoder=stack, decoder=stack)):
        assert misplaced(shown) == []
        assert "× 2" in lines(shown)
    assert misplaced(drawn(small.MOE, repeat=9999)) == []


@pytest.mark.parametrize(("sublayer", "said"), [
    (small.ATTENTION, ["Grouped-query attention", "4 query heads", "2 KV heads", "head size 6"]),
    (small.ATTENTION | {"n_kv_heads": 4}, ["Multi-head attention"]),
    (small.ATTENTION | {"n_kv_heads": 1, "window": 2048}, ["Multi-query attention", "sliding window 2,048"]),
    ({"kind": "attention", "n_heads": 4}, ["Attention", "4 heads"]),
    (small.ATTENTION | {"sinks": True, "qk_norm": "per-head"}, ["attention sinks", "and keys, per head"]),
    (small.MLA | {"indexer": small.INDEXER}, ["KV rank 5", "plain query projection", "picks 9", "size 6 + 2 rotary"]),
    (small.COMPRESSED, ["Compressed attention", "window 16", "an entry for every 4 tokens", "1 KV head"]),
    (small.ATTENTION_EXPERTS, ["Mixture of attention heads", "2 of 5 experts", "Router: not reported"]),
    (small.MAMBA, ["Mamba", "state 3", "convolution 4", "step rank 5"]),
    (small.MAMBA2, ["Mamba-2", "5 heads", "2 groups"]),
    (small.DELTA, ["Gated DeltaNet", "4 heads", "2 key heads"]),
    (small.CONVOLUTION, ["Short convolution", "kernel 3"]),
    ({"kind": "unknown", "note": "some recurrence"}, ["Token mixer not described", "some recurrence"]),
    (small.DENSE, ["Dense feed-forward network", "width 20", "SwiGLU"]),
    (small.MOE | {"zero": {"count": 3, "kind": "identity"}}, ["up to 2 of 11 experts", "return the input"]),
    (SHARED, ["MoE layer: 2 of 8 experts", "2 shared, width 5", "2 shared"]),
    (GROUPED, ["sigmoid", "bias for the choice only", "2 of 4 groups"]),
    (small.MOE | {"router": {"design": "switch-top1-router"}}, ["Router: Switch top-1 router"]),
    (small.MOE | {"router": {"design": "not-there"}}, ["Router: not-there"]),
])  # fmt: skip
def test_a_sublayer_says_what_matters(sublayer, said):
    shown = " ".join(words(drawn(sublayer)).split(" | "))
    assert [text for text in said if text not in shown] == []


def test_active_experts_are_lit_and_shared_ones_apart():
    shown = drawn(SHARED | {"n_routed_experts": 64, "experts_per_token": 6})
    assert (squares(shown, "orange"), squares(shown, "idle"), squares(shown, "green")) == (6, 58, 2)
    grouped = drawn(GROUPED | {"n_routed_experts": 32, "experts_per_token": 5})
    assert (squares(grouped, "orange"), squares(grouped, "idle")) == (5, 27)
    assert squares(drawn(small.MOE | {"n_routed_experts": 4096}), "idle") < 2100
    assert "a square is 2 experts" in words(drawn(small.MOE | {"n_routed_experts": 4096}))


def test_what_is_not_reported_is_dashed():
    assert dashed(drawn(small.ATTENTION, small.MOE | {"router": {}})) == 0
    unknown = drawn(small.ATTENTION, small.MOE, vocab_size=None, tied_embeddings=None, norm=None)
    # Embedding, head and router; the norm after the stack and those of both sublayers.
    assert dashed(unknown) == 6
    for text in (
        "vocabulary not reported",
        "tied or not: not reported",
        "Norm: kind not reported",
        "Router: not reported",
    ):
        assert text in words(unknown)
    assert "Multi-token prediction" not in words(unknown)


def test_further_tokens_residual_streams_and_other_tensors_are_drawn():
    tensors = [{"name": "position table", "shape": [9, 12], "table": True}]
    shown = words(drawn(small.MOE, n_mtp_layers=2, residual_streams=4, weights=tensors))
    assert "2 layers beyond the | stack" in shown
    assert "4 residual streams" in shown
    assert "position table (9 × 12, looked up)" in shown


def test_both_stacks_are_drawn_and_their_order_if_known():
    cross = small.ATTENTION | {"cross": True}
    stack = {"groups": [{"repeat": 2, "sublayers": [small.ATTENTION, small.DENSE]}]}
    both = {"order": "unknown", "groups": [{"repeat": 3, "sublayers": [small.ATTENTION, cross, small.MOE]}]}
    said = words(drawn(encoder=stack, decoder=both))
    assert "Encoder: 2" in said
    assert "Decoder: 3" in said
    assert "Cross-attention" in said
    assert "order not reported" in said
    either = drawn(stack=stack)
    assert "encoder or decoder: not reported" in words(either)
    assert "next token" not in words(either)


def test_only_what_differs_is_lit():
    narrow = subject(architecture(small.ATTENTION, small.MOE))
    wide = subject(architecture(small.ATTENTION | {"n_heads": 8}, small.MOE))
    first, second = pictures([narrow, wide])
    assert (lit(first), lit(second)) == ({"4 query heads"}, {"8 query heads"})
    assert not edged(first)
    recurrent = subject(architecture(small.MAMBA, small.MOE))
    first, second = pictures([narrow, recurrent])
    assert "Grouped-query attention" in lit(first)
    assert edged(second)
    assert not lit(picture(narrow))
    assert not any(lit(shown) for shown in pictures([narrow, narrow]))


def test_a_poster_names_models_and_sources():
    first, second = subject(architecture(small.MOE), "First"), subject(architecture(small.MAMBA), "Second")
    sheet = poster([first, second])
    assert {"First", "Second", "Layers read in a config"} <= set(lines(sheet))
    assert "light-dark" not in sheet.svg
    assert misplaced(sheet) == []


def test_the_picture_is_told_in_words():
    alt = drawn(small.ATTENTION, SHARED, repeat=3).alt
    assert alt.startswith("M 1B. From the bottom: Token embedding")
    assert "Layer A (3 of 3, layers 1–3): Grouped-query attention; then MoE layer: 2 of 8 experts, router" in alt
    assert 'role="img"' in drawn(small.MOE).svg


def test_record_text_is_shown_as_text():
    attack = '</text><script>alert(1)</script>"><a href="javascript:x">'
    built = architecture(
        {"kind": "unknown", "note": attack},
        small.MOE
        | {
            "d_expert": {"printed": attack},
            "router": {"note": attack},
            "expert_weights": [{"name": attack, "shape": [1]}],
        },
        weights=[{"name": attack, "shape": [2]}],
    )
    given = Subject(attack, built, attack, {})
    for shown in (picture(given), picture(given, wide=False), poster([given, given])):
        assert foreign_to_svg(shown.svg) == []
        assert misplaced(shown) == []
        assert "<script" not in shown.svg
        assert "alert(1)" in words(shown).replace(" | ", "")


def structure(built: Architecture) -> object:
    """What an architecture says of layers, whoever says it and however its repeats are written."""
    about = {"source", "locator", "status", "interpretation", "note", "encoder", "decoder", "stack"}
    stacks = {name: (stack.order, list(stack.layers())) for name, stack in built.stacks.items()}
    whole = built.model_dump(exclude=about)
    for name, same in (("n_mtp_layers", 0), ("residual_streams", 1)):  # what is meant where nothing is said
        whole[name] = whole[name] or same
    return whole, stacks


PARTS = st.lists(st.one_of([records(member) for member in MEMBERS]), min_size=1, max_size=3)
LAYERS = st.builds(lambda repeat, parts: {"repeat": repeat, "sublayers": parts}, st.integers(1, 9), PARTS)
GROUPS = st.lists(
    st.recursive(
        LAYERS,
        lambda inner: st.builds(
            lambda repeat, groups: {"repeat": repeat, "groups": groups},
            st.integers(1, 9),
            st.lists(inner, min_size=1, max_size=3),
        ),
        max_leaves=4,
    ),
    min_size=1,
    max_size=3,
)
STACKS = st.builds(
    lambda order, groups: {"order": order, "groups": groups}, st.sampled_from(["known", "unknown"]), GROUPS
)


def built_of(stacks: dict, whole: dict) -> Architecture | None:
    try:
        return Architecture.model_validate({"source": "s", **whole, **stacks})
    except ValidationError:  # an `input_of` that names no earlier sublayer, or too many layers
        return None


ARCHITECTURES = st.builds(
    built_of,
    st.one_of(
        st.fixed_dictionaries({"decoder": STACKS}, optional={"encoder": STACKS}),
        st.fixed_dictionaries({"stack": STACKS}),
    ),
    st.fixed_dictionaries(
        {},
        optional={
            **{name: st.integers(1, 10**6) for name in ("d_model", "vocab_size", "context_length", "residual_streams")},
            "n_mtp_layers": st.integers(0, 3),
            "tied_embeddings": st.booleans(),
            "norm": st.sampled_from(["rms", "layer", "layer-without-bias"]),
            "weights": st.lists(records(Weight), max_size=2),
        },
    ),
).filter(lambda built: built is not None)


@settings(max_examples=15)
@given(ARCHITECTURES, ARCHITECTURES)
def test_any_two_architectures_have_pictures_of_their_own(one, other):
    shown = [picture(subject(built)) for built in (one, other)]
    for drawing in (*shown, *pictures([subject(one), subject(other)])):
        assert foreign_to_svg(drawing.svg) == []
        assert misplaced(drawing) == []
    assert (shown[0].svg == shown[1].svg) <= (structure(one) == structure(other))
    assert picture(subject(one)).svg == shown[0].svg


@pytest.mark.integration
def test_every_real_model_with_layers_has_a_picture(real_kb):
    described = {name: found.architecture for name, found in real_kb.sizable().items() if found.architecture}
    assert len(described) >= 51
    seen: dict[str, object] = {}
    for name, built in described.items():
        record = f"model:{name.replace('|', '#')}"
        wide, narrow, whole = (real_kb.picture(record), real_kb.picture(record, size="card"), real_kb.poster([record]))
        for shown in (wide, narrow, whole):
            assert (name, misplaced(shown), foreign_to_svg(shown.svg)) == (name, [], [])
        assert narrow.width < 390
        for stack in built.stacks.values():
            assert f"{stack.n_layers} layers" in wide.alt
        drawing = re.sub(r'<title>[^<]*</title><style|aria-label="[^"]*"', "", wide.svg)
        assert seen.setdefault(drawing, structure(built)) == structure(built), name

"""Groups of layers: shorter than the layers, and the same when written out."""

from hypothesis import given
from hypothesis import strategies as st

from moe_kb.importing.layers import LONGEST_PATTERN, compress
from moe_kb.records.architecture import MAX_LAYERS, Stack

A, B = [{"kind": "dense", "d_ffn": 8}], [{"kind": "short-convolution", "d_conv": 3}]
LAYERS = st.sampled_from([A, B, A + B])
REPEATED = st.builds(
    lambda pattern, times: pattern * times, st.lists(LAYERS, min_size=1, max_size=5), st.integers(1, 6)
)


def written_out(groups):
    for group in groups:
        for _ in range(group.get("repeat", 1)):
            if "sublayers" in group:
                yield group["sublayers"]
            else:
                yield from written_out(group["groups"])


@given(st.lists(st.one_of(REPEATED, st.lists(LAYERS, max_size=4)), min_size=1, max_size=6))
def test_groups_write_out_to_their_layers(parts):
    layers = [layer for part in parts for layer in part]
    groups = compress(layers)
    assert list(written_out(groups)) == layers
    if groups:
        read = [[part.model_dump(exclude_unset=True) for part in layer] for layer in Stack(groups=groups).layers()]
        assert read == layers


def test_a_pattern_is_found_and_is_the_shortest():
    assert compress([A] * 4) == [{"repeat": 4, "sublayers": A}]
    assert compress([A, B, B] * 3) == [{"repeat": 3, "groups": [{"sublayers": A}, {"repeat": 2, "sublayers": B}]}]
    assert compress([B, A, B, A, B]) == [
        {"repeat": 2, "groups": [{"sublayers": B}, {"sublayers": A}]},
        {"sublayers": B},
    ]


def test_one_layer_and_none():
    assert compress([A]) == [{"sublayers": A}]
    assert compress([]) == []


def test_layers_without_a_pattern_take_linear_work():
    """A sequence in which nothing repeats for long: the work stays in proportion to its length."""
    layers = [A if bin(number).count("1") % 2 else B for number in range(MAX_LAYERS // 10)]
    groups = compress(layers)
    assert list(written_out(groups)) == layers
    assert all(len(group.get("groups", [])) <= LONGEST_PATTERN for group in groups)

"""The segments of Lory, whatever the lengths."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.lory_segment_merging.config import LoryConfig
from reference_impls.designs.lory_segment_merging.router import make_layer


def layer(**fields):
    return make_layer(LoryConfig(d_model=8, d_expert=4, n_experts=3, **fields)).double()


@settings(max_examples=20, deadline=None)
@given(S=st.integers(1, 9), segment=st.integers(1, 5), seed=st.integers(0, 999))
def test_a_prefix_is_scored_as_in_the_whole_once_the_first_segment_is_full(S, segment, seed):
    torch.manual_seed(seed)
    x_BSD = torch.randn(2, S + 5, 8, dtype=torch.float64)
    even = layer(segment_length=segment)
    torch.testing.assert_close(even(x_BSD[:, :S])[0], even(x_BSD)[0][:, :S])
    itself = layer(segment_length=segment, first_segment="itself")
    if segment <= S:
        torch.testing.assert_close(itself(x_BSD[:, :S])[0], itself(x_BSD)[0][:, :S])


def test_an_even_first_segment_is_the_plain_average():
    even = layer(segment_length=4)
    weight_GE = even(torch.randn(1, 8, 8, dtype=torch.float64))[1].routing.weight_GE
    torch.testing.assert_close(weight_GE[0], torch.full((3,), 1 / 3, dtype=torch.float64))
    assert weight_GE[1].requires_grad

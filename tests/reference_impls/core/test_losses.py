import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.losses import label_information_loss, token_information_loss


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), T=st.integers(0, 20), E=st.integers(1, 6), L=st.integers(1, 5))
def test_information_is_within_its_bounds(seed, T, E, L):
    torch.manual_seed(seed)
    probability_TE = (3 * torch.randn(T, E, dtype=torch.float64)).softmax(-1)
    label_T = torch.randint(L, (T,))
    of_tokens = token_information_loss(probability_TE)
    of_labels = label_information_loss(probability_TE, label_T, L)
    assert -math.log(E) - 1e-9 <= of_tokens <= 1e-9
    assert -math.log(min(E, L)) - 1e-9 <= of_labels <= 1e-9
    assert of_labels >= of_tokens - 1e-9  # a label cannot tell more of the expert than the token does


def test_each_token_a_label_makes_the_two_the_same():
    probability_TE = torch.randn(7, 4, dtype=torch.float64).softmax(-1)
    of_labels = label_information_loss(probability_TE, torch.arange(7), 7)
    assert of_labels == pytest.approx(float(token_information_loss(probability_TE)))

"""What MEO does at the start, in training, and with settings that do not fit."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.meo_sequence_merging.config import MEOConfig
from reference_impls.designs.meo_sequence_merging.router import make_layer


def layer(E: int = 4, k: int = 2):
    return make_layer(MEOConfig(d_model=16, d_expert=4, n_experts=E, merged_experts=k)).double()


def test_token_attention_begins_as_nothing():
    x_TD = torch.randn(5, 16, dtype=torch.float64)
    assert torch.equal(layer().router.attention(x_TD), x_TD)


@settings(max_examples=30, deadline=None)
@given(B=st.integers(1, 5), E=st.integers(1, 5), k=st.integers(1, 5), seed=st.integers(0, 2**31))
def test_a_sequence_merges_k_experts_in_training_and_outside(B, E, k, seed):
    torch.manual_seed(seed)
    k = min(k, E)
    meo = layer(E, k)
    torch.nn.init.normal_(meo.router.gate.weight_ED)
    for mode in (True, False):
        routing = meo.train(mode)(torch.randn(B, 3, 16, dtype=torch.float64))[1].routing
        assert ((routing.weight_GE > 0).sum(-1) == k).all()
        torch.testing.assert_close(routing.weight_GE.sum(-1), torch.ones(B, dtype=torch.float64))


def test_a_sequence_of_padding_takes_no_part_in_the_losses():
    meo = layer().eval()
    torch.nn.init.normal_(meo.router.gate.weight_ED)
    x_BSD = torch.randn(3, 4, 16, dtype=torch.float64)
    real_BS = torch.ones(3, 4, dtype=torch.bool)
    real_BS[2] = False
    padded, short = meo(x_BSD, real_BS)[1], meo(x_BSD[:2])[1]
    for name, part in short.losses.items():
        torch.testing.assert_close(padded.losses[name].value, part.value)

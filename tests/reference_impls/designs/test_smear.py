"""Expert dropout of SMEAR, and sequences of any length."""

import torch

from reference_impls.designs.smear.config import SMEARConfig
from reference_impls.designs.smear.router import make_layer


def layer(E: int, dropout: float = 0.1):
    return make_layer(SMEARConfig(d_model=8, d_expert=4, n_experts=E, expert_dropout=dropout)).double()


def test_dropout_leaves_experts_out_as_often_as_it_says_and_in_training_only():
    torch.manual_seed(0)
    merged = layer(8, dropout=0.3)
    x_BSD = torch.randn(2000, 1, 8, dtype=torch.float64)
    weight_GE = merged.train()(x_BSD)[1].routing.weight_GE
    assert abs(float((weight_GE < 1e-6).double().mean()) - 0.3) < 0.02
    torch.testing.assert_close(weight_GE.sum(-1), torch.ones(2000, dtype=torch.float64))
    assert float(merged.eval()(x_BSD)[1].routing.weight_GE.min().detach()) > 0.01


def test_without_any_expert_left_the_average_is_the_plain_one():
    torch.manual_seed(0)
    merged = layer(2, dropout=0.9).train()
    weight_GE = merged(torch.randn(500, 1, 8, dtype=torch.float64))[1].routing.weight_GE
    plain_G = (weight_GE - 0.5).abs().amax(-1) < 1e-9
    assert 0.7 < float(plain_G.double().mean()) < 0.9  # 0.9 squared

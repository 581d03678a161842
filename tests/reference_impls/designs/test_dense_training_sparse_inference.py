import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.losses import token_information_loss
from reference_impls.core.routing import DenseRouting, SparseRouting
from reference_impls.designs.dense_training_sparse_inference.config import DSMoEConfig
from reference_impls.designs.dense_training_sparse_inference.router import make_layer


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(0, 9), st.floats(0, 50), st.integers(0, 2**16))
def test_the_loss_is_a_mutual_information(n_experts, n_tokens, sharpness, seed):
    logit_TE = sharpness * torch.randn(n_tokens, n_experts, generator=torch.Generator().manual_seed(seed))
    loss = float(token_information_loss(logit_TE.double().softmax(-1)))
    assert -math.log(min(n_experts, max(n_tokens, 1))) - 1e-9 <= loss <= 1e-9


def test_decided_and_even_routing_has_the_least_loss():
    even = torch.eye(4, dtype=torch.float64).repeat(3, 1)
    torch.testing.assert_close(token_information_loss(even), torch.tensor(-math.log(4), dtype=torch.float64))
    collapsed = torch.eye(4, dtype=torch.float64)[[0, 0, 0]]
    assert float(token_information_loss(collapsed)) == 0


def test_training_is_dense_and_the_rest_sparse():
    layer = make_layer(DSMoEConfig(d_model=8, d_expert=8))
    x_BSD = torch.randn(2, 5, 8)
    _, dense = layer.train()(x_BSD)
    _, sparse = layer.eval()(x_BSD)
    assert isinstance(dense.routing, DenseRouting)
    assert isinstance(sparse.routing, SparseRouting)
    assert int(sparse.routing.load_E.sum()) == 2 * 10
    assert dense.stats["kept_weight"] == sparse.stats["kept_weight"]
    kept = float(sparse.routing.share_TE().sum(-1).mean())
    assert abs(sparse.stats["kept_weight"] - kept) < 1e-6

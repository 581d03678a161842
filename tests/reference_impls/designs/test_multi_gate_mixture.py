"""The gates of MMoE: one for each task, over all experts."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.designs.multi_gate_mixture.config import MMoEConfig
from reference_impls.designs.multi_gate_mixture.router import make_layer


@settings(max_examples=20, deadline=None)
@given(B=st.integers(1, 4), K=st.integers(1, 4), E=st.integers(1, 5), seed=st.integers(0, 2**31))
def test_tasks_with_the_same_gate_get_the_same(B, K, E, seed):
    torch.manual_seed(seed)
    layer = make_layer(MMoEConfig(d_model=8, d_expert=4, n_tasks=K, n_experts=E)).double()
    with torch.no_grad():
        layer.router.gate_KED.copy_(layer.router.gate_KED[:1].expand_as(layer.router.gate_KED))
    x_BSD = torch.randn(B, 3, 8, dtype=torch.float64)
    outputs = [layer(x_BSD, task=torch.full((B,), k))[0] for k in range(K)]
    for output in outputs[1:]:
        torch.testing.assert_close(output, outputs[0])

import torch

from reference_impls.designs.moduleformer_router import router as moduleformer
from reference_impls.designs.moduleformer_router.config import ModuleFormerConfig


def test_descending_the_loss_makes_the_gate_certain_and_the_load_even():
    torch.manual_seed(0)
    config = ModuleFormerConfig(d_model=16, d_expert=8, n_experts=4, experts_per_token=1)
    layer = moduleformer.make_layer(config)
    x_BSD = torch.randn(4, 32, 16)
    optimiser = torch.optim.Adam(layer.router.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        layer(x_BSD)[1].losses["token_information"].value.backward()
        optimiser.step()
    routing = layer.eval()(x_BSD)[1].routing
    assert routing.entropy < 0.3
    assert routing.load_E.min() > 10

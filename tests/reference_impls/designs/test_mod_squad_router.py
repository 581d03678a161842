import pytest
import torch

from reference_impls.designs.mod_squad_router import router as mod_squad
from reference_impls.designs.mod_squad_router.config import ModSquadConfig


def test_the_task_decides():
    torch.manual_seed(0)
    layer = mod_squad.make_layer(ModSquadConfig(d_model=16, d_expert=8)).eval()
    torch.nn.init.normal_(layer.router.weight_LED)
    x_BSD = torch.randn(1, 6, 16)
    outputs = [layer(x_BSD, domain=torch.tensor([task]))[0] for task in (0, 1, 0)]
    assert not torch.allclose(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])
    with pytest.raises(ValueError, match="domain reaches from 8 to 8, and must lie between 0 and 7"):
        layer(x_BSD, domain=torch.tensor([8]))

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.configs import ConfigError, check_config
from reference_impls.configs.mod_squad import ModSquadConfig
from reference_impls.configs.moduleformer import ModuleFormerConfig
from reference_impls.core.losses import label_information_loss, token_information_loss
from reference_impls.gating import mod_squad, moduleformer


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


def test_descending_the_loss_makes_the_gate_certain_and_the_load_even():
    torch.manual_seed(0)
    config = ModuleFormerConfig(d_model=16, n_heads=1, d_expert=8, n_experts=4, experts_per_token=1)
    layer = moduleformer.make_layer(config)
    x_BSD = torch.randn(4, 32, 16)
    optimiser = torch.optim.Adam(layer.router.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        layer(x_BSD)[1].losses["token_information"].value.backward()
        optimiser.step()
    routing = layer.eval()(x_BSD)[1].routing
    assert routing.entropy < 0.3
    assert routing.demand_E.min() > 10


def test_dropout_in_training_alone():
    layer = moduleformer.make_layer(ModuleFormerConfig(d_model=16, n_heads=1, d_expert=8, gate_dropout=0.5))
    x_TD = torch.randn(5, 16)
    assert not torch.equal(layer.router.logits(x_TD), layer.router.logits(x_TD))
    layer.eval()
    assert torch.equal(layer.router.logits(x_TD), layer.router.logits(x_TD))


def test_the_task_decides():
    torch.manual_seed(0)
    layer = mod_squad.make_layer(ModSquadConfig(d_model=16, n_heads=1, d_expert=8)).eval()
    torch.nn.init.normal_(layer.router.weight_LED)
    x_BSD = torch.randn(1, 6, 16)
    outputs = [layer(x_BSD, domain=torch.tensor([task]))[0] for task in (0, 1, 0)]
    assert not torch.allclose(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])
    with pytest.raises(ValueError, match="domain 8 has no gate: n_tasks is 8"):
        layer(x_BSD, domain=torch.tensor([8]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_tasks": 3}, "n_tasks = 3 must be at least 4 on the text task"),
        ({"task": "clusters", "n_clusters": 9}, "n_tasks = 8 must be at least 9 on the clusters task"),
        ({"task": "clusters", "cluster_unit": "token"}, "cluster_unit must be 'sequence'"),
    ],
)
def test_tasks_without_a_gate_are_told(values, message):
    with pytest.raises(ConfigError) as caught:
        check_config(ModSquadConfig, values)
    assert str(caught.value).startswith(message)

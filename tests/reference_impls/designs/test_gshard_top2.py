"""GShard: the chance of the second expert."""

import pytest
import torch

from reference_impls.core.layer import MoELayer
from reference_impls.designs.gshard_top2.config import GShardTop2Config
from reference_impls.designs.gshard_top2.router import make_layer

D, F, E, B, S = 32, 48, 8, 3, 40


def layer(dtype: torch.dtype = torch.float64, **changes: object) -> MoELayer:
    """A layer whose router has opinions."""
    made = make_layer(GShardTop2Config(d_model=D, d_expert=F, n_experts=E, **changes)).to(dtype)
    torch.nn.init.normal_(made.router.weight_ED, std=2 * D**-0.5)
    return made


def test_a_second_expert_is_used_as_often_as_its_weight_says():
    """Probability min(1, weight / threshold), over many draws of one token; the first is always used."""
    ours = layer(torch.float32, capacity_factor_train=256.0, second_threshold=0.3)
    x_D = torch.randn(D)
    probability_E = ours.router.logits(x_D[None])[0].softmax(-1)
    for wanted in (0.05, 0.15, 0.29, 0.45):
        one, two = probability_E.topk(2).indices.tolist()
        with torch.no_grad():  # shift the second expert's logit until its share of the two is what is wanted
            logits = ours.router.logits(x_D[None])[0]
            shift = torch.logit(torch.tensor(wanted)) - (logits[two] - logits[one])
            ours.router.weight_ED[two] += shift * x_D / x_D.square().sum()
            others = [e for e in range(E) if e not in (one, two)]
            for e in others:
                gap = logits[one] - 8.0 - logits[e]
                ours.router.weight_ED[e] += gap * x_D / x_D.square().sum()
        load_E = ours(x_D.expand(1, 20_000, D))[1].routing.load_E
        assert int(load_E[one]) == 20_000
        assert int(load_E[two]) / 20_000 == pytest.approx(min(1.0, wanted / 0.3), abs=0.02)

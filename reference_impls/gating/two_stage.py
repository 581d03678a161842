r"""# Two-stage gating: first a group, then its experts

Equation 10 of the survey *Mixture of Experts in Large Language Models* (D. Zhang et al., 2025), which cites
H. Nguyen et al., *On Expert Estimation in Hierarchical Mixture of Experts: Beyond Softmax Gating Functions*,
[arXiv 2410.02935](https://arxiv.org/abs/2410.02935); of the paper the abstract and a summary were at hand.

## The design

The experts stand in groups. A coarse gate $G^{(1)}$ picks one group for a token, and a fine gate $G^{(2)}$ weighs the
experts of that group alone. The survey writes

$$y = \sum_{i \in \mathcal{G}^{(1)}(x)} G^{(2)}_i(x)\, E_i(x)$$

where $\mathcal{G}^{(1)}(x)$ are the experts of the picked group. As printed, nothing that is differentiable depends on
the coarse gate, and it could not be learned. Here the weights carry its probability, as they do in a mixture of
mixtures, whose weights are the products of the gates along the path to an expert:

$$g(x) = \arg\max_g G^{(1)}_g(x), \qquad w_i(x) = G^{(1)}_{g(x)}(x)\; G^{(2)}_i(x), \qquad
G^{(1)} = \mathrm{softmax}(\ell^{(1)}), \quad G^{(2)} = \mathrm{softmax}\big(\ell^{(2)}_i : i \in g(x)\big)$$

The logits of either gate are products or, in the paper's Laplace gate, distances:

$$\ell_i(x) = a_i \cdot x \quad \text{(softmax)} \qquad \text{or} \qquad \ell_i(x) = -\lVert x - a_i \rVert \quad
\text{(laplace)}$$

| symbol | meaning | here |
|---|---|---|
| $G^{(1)}$, $\ell^{(1)}$, $a$ | coarse gate over groups, its logits and vectors | `coarse_gate`, `router.group_GD` |
| $G^{(2)}$, $\ell^{(2)}$, $a$ | fine gate over the experts of a group, likewise | `fine_gate`, `router.expert_ED` |
| $g(x)$ | the token's group, one of `n_groups` of equal size | `group_T` |
| $E_i$ | expert $i$ | `experts` |

A balancing loss of Switch's form keeps all $M$ groups in use:
$\mathcal{L}_{\mathrm{balance}} = \alpha M \sum_g f_g P_g$, with $f_g$ the share of tokens in group $g$ and $P_g$ its
mean probability.

## What the metrics mean

- `aux_group_balance`: that sum without $\alpha$; 1 is an even spread over the groups.
- `load_cv`, `max_violation`: spread of the load over experts; experts of a group have equal load, whatever their
  weights.
- `router_entropy`: of $w$ before a group is picked, $G^{(1)}_{g(i)}(x)\, G^{(2)}_i(x)$ over all experts $i$, in nats.
- `group_probability`: mean of $G^{(1)}_{g(x)}(x)$; 1 means that the coarse gate has no doubt.
- `dropped_fraction`: always 0.

## Which tokens see each other

None: a token's output depends on that token alone. Changing later bytes never changes earlier logits.

## Where it deviates

- The factor $G^{(1)}_{g(x)}(x)$, see above; with a sure coarse gate it is the survey's equation.
- The paper studies the full mixture over all groups; the survey's form takes the best one.
- The balancing loss over groups, its coefficient, and gates without biases are this project's choice. So is the
  Laplace gate's form, read in lecture notes on the paper's subject rather than in the paper.
- All experts' fine logits are computed, then those of the token's group taken: at this size that is cheaper
  than gathering. The survey's point, scores of one group only, is about large pools.

## What it was checked against

A dense mixture in torch over all experts with the other groups masked out, outputs and gradients, for the four pairs
of gates; a plain float64 loop from tokens to outputs. Then: weights add up to the group's probability, no token leaves
its group, one group is an ordinary dense mixture, the coarse gate has a gradient. The common checks of every design
and the clustered task are beside them.

## How long, and what to see

A default run does the work of one of `mixtral-top2`: two experts a token. One should see `group_probability` rise as
the groups part, and `information` show what they part by. More groups of one expert each (`n_groups` equal to
`n_experts`) are Switch without a capacity; a single group is a dense mixture, slower and without specialisation.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from reference_impls.configs.two_stage import TwoStageConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    Router,
    RoutingContext,
    SparseRouting,
    top_k_routing,
    wide,
    wide_linear,
)


class TwoStageRouter(Router):
    """One group for each token, all experts of it; see the module's docstring."""

    def __init__(self, config: TwoStageConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.group_GD = nn.Parameter(0.02 * torch.randn(config.n_groups, config.d_model))
        self.expert_ED = nn.Parameter(0.02 * torch.randn(config.n_experts, config.d_model))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Send each token to the experts of its group."""
        config, T = self.config, len(x_TD)
        size = config.n_experts // config.n_groups
        coarse_TG = gate_logits(x_TD, self.group_GD, config.coarse_gate).softmax(-1)
        # I: experts of a group.
        fine_TGI = gate_logits(x_TD, self.expert_ED, config.fine_gate).view(T, config.n_groups, size).softmax(-1)
        joint_TGI = coarse_TG[..., None] * fine_TGI

        probability_T1, group_T1 = coarse_TG.max(-1, keepdim=True)
        weight_TI = joint_TGI.take_along_dim(group_T1[..., None], dim=1).squeeze(1)
        expert_TI = group_T1 * size + torch.arange(size, device=x_TD.device)

        balance = load_balancing_loss(coarse_TG, group_T1, "per-token")
        losses = {"group_balance": AuxiliaryLoss(balance, config.balance_coefficient)}
        stats = {"group_probability": float(probability_T1.detach().sum()) / max(T, 1)}
        return top_k_routing(
            weight_TI, expert_TI, self.n_experts, probability_TE=joint_TGI.flatten(1), losses=losses, stats=stats
        )


def gate_logits(x_TD: Tensor, vector_ND: Tensor, gate: Literal["softmax", "laplace"]) -> Tensor:
    """Logits [T, N] in at least float32: products with the vectors, or minus the distances from them."""
    if gate == "softmax":
        return wide_linear(x_TD, vector_ND)
    # By products of matrices a distance would lose half of its digits.
    distance_TN: Tensor = torch.cdist(wide(x_TD), wide(vector_ND), compute_mode="donot_use_mm_for_euclid_dist")
    return -distance_TN


def make_layer(config: TwoStageConfig) -> MoELayer:
    """A layer of SwiGLU experts in groups, behind two gates."""
    return moe_layer(config, TwoStageRouter(config))

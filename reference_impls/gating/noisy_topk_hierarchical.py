r"""# Noisy top-k in two levels: groups first, then experts in them

N. Shazeer et al., *Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer*,
[arXiv 1701.06538](https://arxiv.org/abs/1701.06538), appendix B; the gates themselves are those of `noisy-topk`.

## The design

With thousands of experts one gate is too wide. A first noisy top-k gate $G_{\mathrm{primary}}$ chooses $k_1$ of $a$
groups, and in each chosen group a noisy top-k gate of its own chooses $k_2$ of $b$ experts. An expert's weight is
the product of the two:

$$y = \sum_{i=1}^{a} \sum_{j=1}^{b} G_{\mathrm{primary}}(x)_i\; G_i(x)_j\; E_{i,j}(x)$$

Importance and load are taken of each expert, and their squared coefficients of variation over all $a\,b$ experts
are the losses:

$$\mathrm{Importance}_H(X)_{i,j} = \sum_{x \in X} G_{\mathrm{primary}}(x)_i\, G_i(x)_j, \qquad
\mathrm{Load}_H(X)_{i,j} = \frac{\mathrm{Load}_{\mathrm{primary}}(X)_i\; \mathrm{Load}_i(X^{(i)})_j}{|X^{(i)}|}$$

The second form, rather than $\mathrm{Load}_i(X^{(i)})_j$ alone, lets the load loss teach the first gate, too.

| symbol | meaning | here |
|---|---|---|
| $x$, $X$ | a token's vector, after the layer's norm; the tokens of the batch | `x_TD` |
| $a$, $b$ | groups, and experts of a group | `n_groups`, `n_experts` / `n_groups` |
| $k_1$, $k_2$ | groups of a token, and its experts in each of them | `groups_per_token`, `experts_per_group` |
| $G_{\mathrm{primary}}$ | gate over the groups | `router.primary` |
| $G_i$ | gate over the experts of group $i$ | `router.secondary`, rows $i b$ to $(i + 1) b - 1$ |
| $X^{(i)}$ | tokens that chose group $i$ | |
| Load | expected number of tokens, from the probability $P(x)$ of the page on `noisy-topk` | `NoisyLogits.inclusion` |

## What the metrics mean

- `aux_importance`, `aux_load`: squared coefficients of variation over all experts, without their coefficients; 0 is
  perfectly even. Outside training there is no noise and `aux_load` is that of the true counts.
- `group_load_cv`: spread of the first gate's choices over groups; 0 is perfect balance. A load that is uneven over
  experts but even over groups is the second gates' doing.
- `router_entropy`: of the product of the two softmaxes over all noiseless logits, in nats; $\ln(a b)$ if the gates
  have no opinion.
- `dropped_fraction`: always 0, there is no capacity.

## Which tokens see each other

None: a token's output depends on that token (and in training on its own noise) alone. Only the losses look at the
batch as a whole.

## Where it deviates

- What the page on `noisy-topk` says of the model, the experts, the least noise and the coefficients.
- The logits of all second gates are computed for all tokens, though only those of chosen groups are used: at this
  size one product is faster than several. The paper's point, a small branching factor, is thus kept in what is
  chosen, not in what is computed.
- The paper puts each group on a device of its own; here there is one device.

## What it was checked against

Weights, outputs, importance and load against float64 loops over tokens, groups and experts, in training (with the
same noise) and outside; weights of a token that add up to one; one group, or groups of one expert, against the
flat gate of `noisy-topk`; a gradient of the load loss that reaches the first gate. No independent implementation
was at hand as an oracle.

## How long, and what to see

A default run takes less than two minutes on two cores. In training load and groups should both be close to even, in
validation, without noise, less so; coefficients at 0 show what the losses are for. `n_groups` moves the work between
the two levels: 1 is the flat gate.
"""

import torch
from torch import Tensor

from reference_impls.configs.noisy_topk import HierarchicalNoisyTopKConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import squared_cv
from reference_impls.core.metrics import load_cv
from reference_impls.core.noise import NoisyGate, NoisyLogits
from reference_impls.core.routing import AuxiliaryLoss, Router, RoutingContext, SparseRouting, top_k_routing


class HierarchicalNoisyTopKRouter(Router):
    """A noisy top-k gate over groups, and one over the experts of each group; see the module's docstring."""

    def __init__(self, config: HierarchicalNoisyTopKConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.primary = NoisyGate(config.d_model, config.n_groups, config.noise_floor)
        self.secondary = NoisyGate(config.d_model, config.n_experts, config.noise_floor)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the best experts of its best groups."""
        config = self.config
        primary = self.primary(x_TD)
        secondary = self.secondary(x_TD).grouped(config.n_groups)  # [T, a, b]
        top_TA, group_TA = primary.noisy.topk(config.groups_per_token, dim=-1)
        chosen_TAb = secondary.noisy.gather(1, group_TA[..., None].expand(-1, -1, config.group_size))
        top_TAB, inner_TAB = chosen_TAb.topk(config.experts_per_group, dim=-1)
        weight_TK = (top_TA.softmax(-1)[..., None] * top_TAB.softmax(-1)).flatten(1)
        expert_TK = (group_TA[..., None] * config.group_size + inner_TAB).flatten(1)

        importance_E = weight_TK.new_zeros(self.n_experts).index_add(0, expert_TK.flatten(), weight_TK.flatten())
        count_a = torch.bincount(group_TA.flatten(), minlength=config.n_groups)
        load_E = self._load(primary, secondary, group_TA, count_a)
        probability_Tab = primary.clean.softmax(-1)[..., None] * secondary.clean.softmax(-1)
        losses = {
            "importance": AuxiliaryLoss(squared_cv(importance_E), config.importance_coefficient),
            "load": AuxiliaryLoss(squared_cv(load_E), config.load_coefficient),
        }
        return top_k_routing(
            weight_TK, expert_TK, self.n_experts, probability_TE=probability_Tab.flatten(1), losses=losses,
            stats={"group_load_cv": load_cv(count_a.double())},
        )  # fmt: skip

    def _load(self, primary: NoisyLogits, secondary: NoisyLogits, group_TA: Tensor, count_a: Tensor) -> Tensor:
        """Expected tokens of each expert: those of its group, times its share of the tokens that chose the group."""
        visited_Ta = torch.zeros_like(primary.clean).scatter(1, group_TA, 1.0)
        inside_ab = (secondary.inclusion(self.config.experts_per_group) * visited_Ta[..., None]).sum(0)
        load_a = primary.inclusion(self.config.groups_per_token).sum(0)
        return (load_a[:, None] * inside_ab / count_a.clamp(min=1)[:, None]).flatten()


def make_layer(config: HierarchicalNoisyTopKConfig) -> MoELayer:
    """A two-level noisy top-k layer: gates and ReLU experts."""
    return moe_layer(config, HierarchicalNoisyTopKRouter(config))

r"""# M6-T: several experts a token, one of each prototype

A. Yang et al., *M6-T: Exploring Sparse Expert Models and Beyond*,
[arXiv 2105.15082](https://arxiv.org/abs/2105.15082): expert prototyping, as its abstract and the survey by Cai et al.
(section 4.1.1) describe it.

## The design

To use $k$ experts a token, top-$k$ routing searches for the best, the second best and so on, one after the other.
Expert prototyping divides the $N$ experts into $k$ groups, the prototypes, and routes each token to the single best
expert of every prototype, all at once. Outputs add up, each with its probability within its prototype:

$$p^{(z)}(x) = \mathrm{softmax}\big(W_g^{(z)} x\big), \qquad i_z = \arg\max_i\, p^{(z)}_i(x), \qquad
y = \sum_{z=1}^{k} p^{(z)}_{i_z}(x)\; E^{(z)}_{i_z}(x)$$

Within a prototype all is as in `switch-top1`: places for $C$ tokens of a group, given in the order of the sequence,
and a loss towards an even load, here the mean over prototypes of $F = N / k$ experts:

$$C = \left\lceil \frac{T}{F}\, c \right\rceil, \qquad
\mathcal{L}_{\mathrm{balance}} = \frac{\alpha}{k} \sum_{z=1}^{k} F \sum_{i=1}^{F} f^{(z)}_i P^{(z)}_i$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $k$ | prototypes, and so experts of a token | `n_prototypes` |
| $N$, $F$ | experts, and experts of a prototype: those of prototype $z$ are neighbours | `n_experts` |
| $W_g^{(z)}$ | router weights of a prototype | rows $zF$ to $(z+1)F - 1$ of `router.weight_ED` |
| $T$ | tokens of a routing group, padding excluded | |
| $c$ | capacity factor, in training and outside | `capacity_factor_train`, `capacity_factor_eval` |
| $f^{(z)}_i$, $P^{(z)}_i$ | share of tokens that chose the expert (no gradient), and its mean probability | |
| $\alpha$ | coefficient of the balancing loss | `balance_coefficient` |

## What the metrics mean

- `aux_load_balance`: $\mathcal{L}_{\mathrm{balance}} / \alpha$, mean over layers; 1 is perfect balance, $F$ is one
  expert of each prototype that gets everything with certainty.
- `load_cv`, `max_violation`: spread of the load over all experts, counted before capacity; 0 is perfect balance. Each
  prototype gets every token once, so all imbalance is within prototypes.
- `dropped_fraction`: share of assignments refused by a full expert.
- `router_entropy`: of the prototypes' probabilities, each divided by $k$, over all experts, in nats; $\ln N$ if the
  router has no opinion, $\ln k$ if it is certain in every prototype.

## Which tokens see each other

As in `switch-top1`: a token can lose its place only to tokens before it in its group, so with groups of one sequence
the layer is causal. Prototypes do not compete for places.

## Where it deviates

- A byte-level language model stands in for a model of images and text; experts have no biases.
- The paper's text was not at hand (searches for its title, for "expert prototyping", "k top-1 routing" and the
  authors' code found only summaries). Capacity and the form of the balancing loss are therefore this project's
  choice: those of Switch in each prototype, so that $k$ prototypes offer as many places as top-$k$ with the same
  factor. The abstract reports that load imbalance may matter little to quality; the loss is kept all the same,
  since without it a small model can lose most of its experts.

## What it was checked against

Outputs, demand, drops and loss against a float64 loop over sequences, prototypes and tokens; with one prototype
against the Switch implementation of this project, outputs and gradients; every token in every prototype once. No
independent implementation was at hand as an oracle.

## How long, and what to see

A default run takes less than two minutes on two cores. Compare `n_prototypes` 1, 2 and 4 with `d_expert` divided
accordingly, which is the paper's question, and `balance_coefficient` 0, which is its doubt about balancing.
"""

import torch
from torch import Tensor

from reference_impls.configs.m6t_prototyping import M6TConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.capacity import within_capacity
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing


class PrototypeRouter(LinearRouter):
    """Top-1 within each prototype, with capacity; see the module's docstring."""

    def __init__(self, config: M6TConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the most probable expert of every prototype, while it has room."""
        config, Z = self.config, self.config.n_prototypes
        size = self.n_experts // Z
        probability_TZF = self.logits(x_TD).view(-1, Z, size).softmax(-1)
        gate_TZ, inner_TZ = probability_TZF.max(-1)
        first_Z = torch.arange(Z, device=x_TD.device) * size

        group_T, n_groups = context.groups(config.routing_group)

        balance_Z = [
            load_balancing_loss(probability_TZF[:, z], inner_TZ[:, z, None], "per-token", group_T, n_groups)
            for z in range(Z)
        ]
        balance = torch.stack(balance_Z).mean()
        routing = top_k_routing(
            gate_TZ, first_Z + inner_TZ, self.n_experts, probability_TE=probability_TZF.flatten(1) / Z,
            losses={"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)},
        )  # fmt: skip
        # A token makes Z choices: an expert's places are a share of the tokens in its own prototype.
        return within_capacity(routing, group_T, n_groups, Z * config.capacity_factor(self.training))


def make_layer(config: M6TConfig) -> MoELayer:
    """An M6-T layer: router and ReLU experts."""
    return moe_layer(config, PrototypeRouter(config))

r"""# PanGu-Sigma: random routed experts

X. Ren et al., *PanGu-Σ: Towards Trillion Parameter Language Model with Sparse Heterogeneous Computing*,
[arXiv 2303.10845](https://arxiv.org/abs/2303.10845).

## The design

Two steps, neither learned. The domain of a token picks a group of experts, so that a domain can be trained, added or
taken out by itself. Inside the group a random table, drawn once, gives each token id its expert: random choice evens
the load, and being fixed lets an expert see the same tokens all along.

$$e(t) = R\big[\,g(\mathrm{domain}(t)),\ \mathrm{id}(t)\,\big], \qquad R[g, v] \sim \mathrm{Uniform}(\mathcal{E}_g),
\qquad y_t = f_{e(t)}(x_t)$$

$$\mathcal{E}_1 \cup \dots \cup \mathcal{E}_G = \{1, \dots, N\}, \qquad
\mathcal{E}_g \cap \mathcal{E}_h = \emptyset \ (g \ne h)$$

| symbol | meaning | here |
|---|---|---|
| $x_t$ | the token's vector, after the layer's norm; routing does not look at it | `x_TD` |
| $\mathrm{id}(t)$ | the token's entry in the vocabulary, below `vocabulary` | context `token_id` |
| $\mathrm{domain}(t)$ | the domain of the token's sequence | context `domain` |
| $g(d)$ | group of domain $d$: $d$ modulo $G$ | `domain_groups` |
| $\mathcal{E}_g$ | experts of group $g$: neighbours, as many in each group as go | |
| $R$ | the table, drawn for each layer by itself | `router.table_GV`, a buffer |
| $N$ | experts | `n_experts` |

## What the metrics mean

- `load_cv`, `max_violation`: what imbalance domains of unequal size and tokens of unequal frequency leave.
- `information`: how far experts and domains are one; with a group a domain it is the most possible, by construction.
- `router_entropy`: 0; the table has no doubts. `dropped_fraction`: 0.

## Which tokens see each other

None: neither domain nor table looks at other tokens.

## Where it deviates

- Survey A (section 4.1.1 and its Figure 4 c) gives the two steps and does not say whether the draw is made anew for
  each token. Notes on the paper in public repositories describe a map that is drawn at random at the start,
  separately in each layer, in the manner of Hash Layers; that is built. The paper's text was not at hand.
- Experts in every layer. The paper keeps the lower layers dense and shared.
- The paper inherits the dense model's weights and trains in its own number format; here training starts anew. The
  separation of storage and computation that it also describes is no part of the router.
- Uniform draws for each token id by itself; the frequencies of ids are not weighed against each other.
- The clustered task is given clusters by sequence, and each cluster's number as the domain.

## What it was checked against

A float64 loop over Python dictionaries: outputs and gradients. Then: every token's expert belongs to its domain's
group; one token id has one expert in a group, whatever its vector and place; groups part the experts.

## How long, and what to see

A default run takes one to two minutes on two cores. Compare it with `hash`, which has the table without the domains,
and look at `information` beside that of learned routers, which seldom sort by domain so sharply. Set
`domain_groups` to 1 for a plain random hash, or to `n_experts` to route by domain alone.
"""

from itertools import pairwise

import torch
from torch import Tensor

from reference_impls.configs.pangu_sigma_rre import RandomRoutedExpertsConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import Router, RoutingContext, SparseRouting
from reference_impls.core.rules import look_up, routing_by_rule


class RandomRoutedExpertsRouter(Router):
    """The domain's group, and in it the token id's expert; see the module's docstring."""

    table_GV: Tensor

    def __init__(self, config: RandomRoutedExpertsConfig) -> None:
        super().__init__(config.n_experts)
        self.n_groups = config.domain_groups
        bounds = [group * config.n_experts // self.n_groups for group in range(self.n_groups + 1)]
        rows = [torch.randint(low, high, (config.vocabulary,)) for low, high in pairwise(bounds)]
        self.register_buffer("table_GV", torch.stack(rows))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route by domain and token id alone."""
        group_T = context.need("domain") % self.n_groups
        expert_TG = look_up(self.table_GV.T, context.need("token_id"))
        expert_T1 = expert_TG.gather(1, group_T[:, None])
        return routing_by_rule(x_TD, expert_T1, self.n_experts)


def make_layer(config: RandomRoutedExpertsConfig) -> MoELayer:
    """SwiGLU experts behind a table."""
    return moe_layer(config, RandomRoutedExpertsRouter(config))

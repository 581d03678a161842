r"""# Heterogeneous experts and what they cost

A. Wang et al., *HMoE: Heterogeneous Mixture of Experts for Language Modeling*,
[arXiv 2408.10681](https://arxiv.org/abs/2408.10681), equations 1 to 4, read in a stored copy of the paper; and
equation 11 of the survey *Mixture of Experts in Large Language Models* (D. Zhang et al., 2025), which cites that paper
for another way to mind the cost.

## The design

The experts of a layer differ in hidden width $h_i$: easy tokens may go to narrow ones, hard tokens to wide ones. Left
to itself the router prefers the wide, which are better at anything. Two remedies:

`heterogeneous` (HMoE) adds a parameter penalty, the usual balancing loss with loads counted in widths:

$$\mathcal{L}_{\mathrm{P}} = N \sum_{i=1}^{N} M_i \hat P_i, \qquad
M_i = \frac{1}{T} \sum_{x} \mathbb{1}\{i \in \text{chosen}(x)\}\, \frac{h_i}{\bar h}, \qquad
\hat P_i = \frac{1}{T} \sum_{x} p_i(x)$$

`cost-aware` (the survey) lets the gate see the price when it chooses:

$$\text{chosen}(x) = \mathrm{TopK}_i\big[\, p_i(x) - \lambda\, h_i / \bar h \,\big], \quad K = 1, \qquad
p(x) = \mathrm{softmax}(W_g x)$$

In both

$$y = \sum_{i \in \text{chosen}(x)} p_i(x)\, E_i(x), \qquad
E_i(x) = W^{(i)}_{\mathrm{down}} \big(\mathrm{silu}(W^{(i)}_{\mathrm{gate}} x) \odot W^{(i)}_{\mathrm{up}} x\big)$$

| symbol | meaning | here |
|---|---|---|
| $h_i$, $\bar h$ | hidden width of expert $i$, and the mean over experts | `expert_widths`, `d_expert` |
| $N$, $K$ | experts, and experts of one token | `n_experts`, `experts_per_token` |
| $\mathcal{L}_{\mathrm{P}}$ | parameter penalty, its coefficient 0.1 in the paper | `penalty_coefficient` |
| $\lambda$ | weight of the cost; 0 in HMoE | `cost_weight` |
| $W_g$ | router weights | `router.weight_ED` |

`widths` sets the proportions, for 8 experts the paper's: arithmetic 9, 11, ..., 23 (its choice), geometric 1, 2, ...,
128, hybrid 1, 1, 1, 1, 2, 2, 4, 4. Both designs are one router: HMoE with a price, or cost-aware routing with
$K = 2$, can be set.

## What the metrics mean

- `aux_parameter_penalty`: $\mathcal{L}_{\mathrm{P}}$ without its coefficient; with equal widths and an even load it is
  $K$; it falls as narrow experts take over.
- `active_width`: mean over tokens of the hidden width that a token passes through; $K \bar h$ if experts
  are used alike.
- `load_cv`, `max_violation`: spread of the load in tokens. Nothing asks for 0: narrow experts should have more.
- `router_entropy`: of $p(x)$, in nats. `dropped_fraction`: always 0.

## Which tokens see each other

None: a token's output depends on that token alone. Changing later bytes never changes earlier logits.

## Where it deviates

- The paper prints $M_i$ with $h_i$ itself and says that for equal widths the loss is the balancing loss, which holds if
  $h_i$ is divided by its mean. So it is here, and the coefficient means the same at any width.
- Top-p routing, with which the paper also runs HMoE, and the entropy loss that comes with it are left out.
- The paper does not print how outputs are weighted. Here by the probabilities as they are; divided by their sum, the
  weight of a single expert would be 1 and its gate could not be learned.
- *Gap* (cost-aware). The survey's score $S_i$ and cost are not defined there, and a search for either brought nothing:
  here probability and relative width.
- Cost-aware routing has the parameter penalty at a tenth of HMoE's coefficient to keep experts in use; the
  survey has nothing. Default $\lambda$ is this project's choice.
- Proportions are rounded to whole widths, at least 1, that add up to `n_experts` times `d_expert`.

## What it was checked against

With equal widths and no price: `OlmoeSparseMoeBlock` of transformers, outputs and all gradients. For mixed widths and
prices: a plain float64 loop from tokens to outputs, penalty and active width. Then: with equal widths the penalty is
the balancing loss; a large price sends all tokens to the narrowest expert; descent of the penalty alone lowers the
width in use where the balancing loss does not. The common checks of every design and the clustered task are beside
them.

## How long, and what to see

A default run does about the work of one of `mixtral-top2`, expert by expert instead of by the fast dispatch. One should
see `active_width` below its even value and falling; with `penalty_coefficient` 0 it rises above, as wide experts win.
"""

import torch
from torch import Tensor

from reference_impls.configs.heterogeneous import HeterogeneousConfig
from reference_impls.core.heterogeneous_experts import HeterogeneousSwiGLUExperts
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing


class CostAwareRouter(LinearRouter):
    """Top-k of probability less a price for width, with a penalty on the width in use; see the module's docstring."""

    def __init__(self, config: HeterogeneousConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k experts of best value."""
        config = self.config
        probability_TE = self.logits(x_TD).softmax(-1)
        width_E = torch.tensor(config.expert_widths, device=x_TD.device)
        relative_E = width_E.to(probability_TE.dtype) / config.d_expert
        value_TE = probability_TE - config.cost_weight * relative_E
        expert_TK = value_TE.topk(config.experts_per_token, dim=-1).indices
        weight_TK = probability_TE.gather(1, expert_TK)

        penalty = parameter_penalty(probability_TE, expert_TK, relative_E)
        return top_k_routing(
            weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE,
            losses={"parameter_penalty": AuxiliaryLoss(penalty, config.penalty_coefficient)},
            stats={"active_width": float(width_E[expert_TK].sum()) / max(len(x_TD), 1)},
        )  # fmt: skip


def parameter_penalty(probability_TE: Tensor, choice_TK: Tensor, relative_E: Tensor) -> Tensor:
    """The load-balancing loss `per-token`, each choice counted as its expert's relative width; 0 of no token."""
    T, E = probability_TE.shape
    count_E = torch.bincount(choice_TK.flatten(), minlength=E).to(probability_TE.dtype)
    load_E = count_E * relative_E / max(T, 1)
    return E * (load_E * probability_TE.sum(0)).sum() / max(T, 1)


def make_layer(config: HeterogeneousConfig) -> MoELayer:
    """A layer of SwiGLU experts of different widths."""
    experts = HeterogeneousSwiGLUExperts(config.d_model, config.expert_widths, 1 / (2 * config.n_layers))
    return MoELayer(CostAwareRouter(config), experts)

r"""# Top-p routing: harder tokens take more experts

Q. Huang, Z. An et al., *Harder Tasks Need More Experts: Dynamic Routing in MoE Models*,
[arXiv 2403.07652](https://arxiv.org/abs/2403.07652). The choice of experts stands on the authors' public code
(`ZhenweiAn/Dynamic_MoE`, `modeling/modeling_moe.py`); the entropy loss, which that code does not hold, on two public
accounts of the paper (a blog post on dynamic routing by `Spico197`, with the formula, and a summary in Chinese).

## The design

A token's experts are taken in order of probability until their sum passes a threshold $P$. A token that one expert is
sure of takes that one; a token on which the router is undecided takes several:

$$p(x) = \mathrm{softmax}(W_g x), \qquad
m(x) = \min\Big\{ r : \sum_{j=1}^{r} p_{\pi_j}(x) > P \Big\}, \qquad
y = \sum_{j=1}^{m(x)} p_{\pi_j}(x)\, E_{\pi_j}(x)$$

$\pi_j$ is the expert of the token's $j$-th largest probability. The weights are the probabilities themselves. Since
the $r$ best experts hold at least $r / N$ of the probability, $m(x) \le \lfloor P N \rfloor + 1$.

Nothing so far keeps the router from staying undecided, and so taking many experts for every token. A dynamic loss
asks for low entropy, beside a loss that balances the load:

$$\mathcal{L} = \alpha\, N \sum_{i=1}^{N} f_i P_i + \beta\, \frac{1}{T} \sum_x H\big(p(x)\big), \qquad
H(p) = -\sum_{i=1}^{N} p_i \ln p_i$$

| symbol | meaning | here |
|---|---|---|
| $W_g$, $p$ | router weights, probabilities of the experts | `router.weight_ED`, `probability_TE` |
| $N$ | experts | `n_experts` |
| $P$ | threshold | `threshold` |
| $m(x)$ | experts of a token | `kept_TE` marks them |
| $f_i$ | choices of expert $i$ over all choices; no gradient | |
| $P_i$ | mean probability of expert $i$ | |
| $\alpha$, $\beta$ | coefficients | `balance_coefficient`, `dynamic_coefficient` |

## What the metrics mean

- `experts_per_token`: mean of $m(x)$, over tokens and layers.
- `aux_load_balance`: $N \sum f_i P_i$, mean over layers; 1 is perfect balance.
- `aux_dynamic`: mean entropy in nats, what $\beta$ multiplies; `router_entropy` is the same.
- `load_cv`, `max_violation`: spread of the assignments over experts.
- `dropped_fraction`: always 0; there is no capacity.

## Which tokens see each other

None: how many experts a token takes depends on that token alone.

## Where it deviates

- The authors' code holds no training: $\alpha$, $\beta$ and what $f_i$ is divided by (all choices of the batch, so that
  perfect balance is 1 however many experts tokens take) are this project's choice, for runs of some hundred steps.
- Experts in every layer; the authors' configuration has them in every other. The threshold of 0.4 is theirs.
- `params_active` counts $\lfloor P N \rfloor + 1$ experts a token, the most it can take, not what training makes of it.

## What it was checked against

`TopPLogitsWarper` of transformers, which cuts a vocabulary the same way: the same experts survive. A float64 loop
written from the equations: outputs and both losses. The balancing loss where all tokens take equally many against the
one that Mixtral's implementation uses. Then: the kept probabilities pass the threshold, without the last they would
not, and the bound on $m(x)$ holds.

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

`experts_per_token` starts near its bound, for a fresh router has no opinion, and falls as the router learns. A larger
`dynamic_coefficient` lets it fall faster, a larger `threshold` holds it up.
"""

import torch
from torch import Tensor

from reference_impls.configs.top_p import TopPConfig
from reference_impls.core.adaptive import masked_routing
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import SMALLEST_PROBABILITY, masked_balance_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting


class TopPRouter(LinearRouter):
    """Experts in order of probability until their sum passes a threshold; see the module's docstring."""

    def __init__(self, config: TopPConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to as many experts as its uncertainty asks for."""
        config = self.config
        probability_TE = self.logits(x_TD).softmax(-1)
        kept_TE = top_p_mask(probability_TE.detach(), config.threshold)
        balance = masked_balance_loss(probability_TE, kept_TE, float(kept_TE.sum()))
        # Clamped, since the derivative of p log p at 0 is infinite.
        entropy_TE = -probability_TE * probability_TE.clamp(min=SMALLEST_PROBABILITY).log()
        losses = {
            "load_balance": AuxiliaryLoss(balance, config.balance_coefficient),
            "dynamic": AuxiliaryLoss(entropy_TE.sum() / max(len(x_TD), 1), config.dynamic_coefficient),
        }
        return masked_routing(probability_TE, kept_TE, probability_TE=probability_TE, losses=losses)


def top_p_mask(probability_TE: Tensor, threshold: float) -> Tensor:
    """True for the fewest most probable experts whose sum is greater than the threshold, bool [T, E]."""
    sorted_TE, expert_TE = probability_TE.sort(dim=-1, descending=True, stable=True)
    before_TE = sorted_TE.cumsum(-1) - sorted_TE
    return torch.zeros_like(probability_TE, dtype=torch.bool).scatter(1, expert_TE, before_TE <= threshold)


def make_layer(config: TopPConfig) -> MoELayer:
    """A layer of top-p routing and SwiGLU experts."""
    return moe_layer(config, TopPRouter(config))

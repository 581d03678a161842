r"""# Input-dependent k: complex tokens take more experts

Equation 17 of the survey of Zhang et al., [arXiv 2507.11181](https://arxiv.org/abs/2507.11181), section II-C ("adaptive
expert selection"). The survey gives the formula and cites ST-MoE beside it, of which no such rule is known here; there
is no paper of its own to follow.

## The design

The number of experts grows with a measure of how complex the input is, up to a bound:

$$k(x) = \min\big(K_{\max}, \lfloor \tau \cdot c(x) \rfloor\big), \qquad
c(x) = \|x\| \ \text{or, e.g.,}\ H\big(p(x)\big), \qquad p(x) = \mathrm{softmax}(W_g x)$$

The survey writes $\|x\|$ and reads it as the input's complexity: its norm, an entropy, or its difficulty in a proxy
task. With the entropy of the router's own probabilities a token on which the router is undecided takes several
experts; as the router learns, tokens take fewer. The chosen experts are weighted as Mixtral's are:

$$y = \sum_{i \in \mathrm{Top}\,k(x)} \frac{p_i(x)}{\sum_{j \in \mathrm{Top}\,k(x)} p_j(x)}\, E_i(x), \qquad
\mathcal{L}_{\mathrm{balance}} = \alpha\, N \sum_{i=1}^{N} f_i P_i$$

| symbol | meaning | here |
|---|---|---|
| $W_g$, $p$ | router weights, probabilities of the experts | `router.weight_ED`, `probability_TE` |
| $c(x)$ | complexity | `complexity`: `entropy` $H(p(x))$ in nats, or `norm` $\lVert x\rVert / \sqrt{d}$ |
| $\tau$ | experts for each unit of complexity | `scale` |
| $K_{\max}$ | most experts of a token | `most_experts` |
| $N$ | experts | `n_experts` |
| $f_i$, $P_i$ | choices of expert $i$ over all choices, and its mean probability | |
| $\alpha$ | coefficient | `balance_coefficient` |

## What the metrics mean

- `experts_per_token`: mean of $k(x)$ over tokens and layers.
- `complexity`: mean of $c(x)$.
- `aux_load_balance`: $N \sum f_i P_i$, mean over layers; 1 is perfect balance.
- `load_cv`, `max_violation`: spread of the assignments over experts.
- `router_entropy`: of $p$, in nats.
- `dropped_fraction`: always 0.

## Which tokens see each other

None: how many experts a token takes, and which, depends on that token alone.

## Where it deviates

- Weights and balancing loss are this project's choice, as nothing is said of them: Mixtral's, with $f_i$ divided by all
  choices of the batch.
- The formula gives no expert at all to the simplest inputs; here a token takes at least one.
- $\lVert x\rVert$ is divided by $\sqrt d$, so that `scale` means the same at every width. In the text model tokens come
  from a norm, and have all nearly the same: there the entropy is the useful measure, and the default.
- $\tau$ is fixed. It has no gradient through the floor, and no source says how it would be learned.
- `params_active` counts $K_{\max}$ experts a token, the most it can take.

## What it was checked against

`MixtralSparseMoeBlock` of transformers with our weights, where `scale` is so large that every token takes $K_{\max}$:
outputs and gradients. A float64 loop written from the equations for both measures. Then: $k(x)$ never falls as the
scale grows, and keeps within its bounds.

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

With `entropy`, `experts_per_token` starts at $K_{\max}$ and falls with `router_entropy`. With `norm` on text it hardly
varies from token to token: the measure, not the router, decides what this design can do.
"""

import torch
from torch import Tensor

from reference_impls.configs.input_dependent_k import InputDependentKConfig
from reference_impls.core.adaptive import masked_routing
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import masked_balance_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting


class InputDependentKRouter(LinearRouter):
    """Top-k with a k for each token; see the module's docstring."""

    def __init__(self, config: InputDependentKConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to as many experts as its complexity asks for."""
        config = self.config
        logit_TE = self.logits(x_TD)
        probability_TE = logit_TE.softmax(-1)
        complexity_T = self.complexity(x_TD, probability_TE.detach())
        k_T = (config.scale * complexity_T).floor().clamp(1, config.most_experts)
        expert_TE = logit_TE.argsort(dim=-1, descending=True, stable=True)
        rank_E = torch.arange(self.n_experts, device=x_TD.device)
        chosen_TE = rank_E < k_T[:, None]
        kept_TE = torch.zeros_like(chosen_TE).scatter(1, expert_TE, chosen_TE)

        balance = masked_balance_loss(probability_TE, kept_TE, float(kept_TE.sum()))
        return masked_routing(
            logit_TE.masked_fill(~kept_TE, -torch.inf).softmax(-1),
            kept_TE,
            probability_TE=probability_TE,
            losses={"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)},
            stats={"complexity": float(complexity_T.sum()) / max(len(x_TD), 1)},
        )

    def complexity(self, x_TD: Tensor, probability_TE: Tensor) -> Tensor:
        """How complex each token is, [T], without gradient."""
        if self.config.complexity == "norm":
            return x_TD.detach().to(probability_TE.dtype).square().mean(-1).sqrt()
        entropy_T: Tensor = torch.special.entr(probability_TE).sum(-1)
        return entropy_T


def make_layer(config: InputDependentKConfig) -> MoELayer:
    """A layer of top-k(x) routing and SwiGLU experts."""
    return moe_layer(config, InputDependentKRouter(config))

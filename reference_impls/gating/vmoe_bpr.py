r"""# V-MoE: the tokens that matter most are served first

C. Riquelme et al., *Scaling Vision with Sparse Mixture of Experts*,
[arXiv 2106.05974](https://arxiv.org/abs/2106.05974). The details below are those of the authors' public code
(`google-research/vmoe`: `vmoe/nn/routing.py`, `vmoe/moe.py` and the configurations of the paper's models).

## The design

A linear router with a little fixed noise in training; the $k$ largest probabilities are the weights as they are,
not divided by their sum:

$$p(x) = \mathrm{softmax}\big(W_g x + \tfrac{\sigma}{N}\,\epsilon\big), \quad \epsilon \sim \mathcal{N}(0, I), \qquad
y = \sum_{i\,\in\,\text{k best}} p_i(x)\, E_i(x), \qquad C = \left\lceil \frac{k\,T}{N}\, c \right\rceil$$

An expert takes at most $C$ tokens of a group. Batch prioritised routing changes who they are: tokens are served in
the order of their largest probability $\max_i p_i(x)$, all first choices before all second ones, and so on. With
few places ($c$ well below 1) the layer thus computes what it deems important and skips the rest. Two losses, for
each group of tokens, even the probabilities and the expected loads:

$$\mathcal{L} = w_I\, \mathrm{CV}\Big(\sum_x \mathrm{softmax}(W_g x)\Big)^2 + w_L\, \mathrm{CV}\Big(\sum_x P(x)\Big)^2,
\qquad P(x)_i = \Phi\left(\frac{(W_g x)_i - \tau_k(x)}{\sigma / N}\right)$$

where $\tau_k(x)$ is the $k$-th largest noisy logit: $P(x)_i$ is the chance that fresh noise lifts expert $i$ over it.

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_g$ | router weights | `router.weight_ED` |
| $\sigma$ | noise, in units of $1/N$ | `noise` |
| $N$, $k$ | experts, and experts of one token | `n_experts`, `experts_per_token` |
| $T$ | tokens of a routing group, padding excluded | |
| $c$ | capacity factor, in training and outside | `capacity_factor_train`, `capacity_factor_eval` |
| order of service | by score, or by position (the paper's "vanilla" routing) | `priority` |
| CV, $\Phi$ | coefficient of variation over experts; standard normal distribution function | `squared_cv` |
| $w_I$, $w_L$ | coefficients of the losses | `importance_coefficient`, `load_coefficient` |

## What the metrics mean

- `aux_importance`, `aux_load`: the squared coefficients of variation, mean over groups and layers; 0 is perfectly
  even. Outside training there is no noise and `aux_load` is that of the true counts.
- `dropped_fraction`: share of wanted assignments refused by a full expert.
- `dropped_weight`: share of the weight of all wanted assignments that was refused. With `priority: score` it is
  smaller than with `position` for the same drops: what is lost matters less.
- `load_cv`, `max_violation`: spread of the load, counted before capacity; 0 is perfect balance.
- `router_entropy`: of the softmax, in nats; $\ln N$ if the router has no opinion.

## Which tokens see each other

All tokens of a group: whether a token is served depends on how sure the router is of every other one, later ones
included. **This design leaks** where something is dropped. For the patches of an image that is no harm; in a language
model it lets the past learn of the future, so its bits per byte must not be ranked among those of causal designs.
With places for all (`capacity_factor_eval` at $N / k$) nothing is dropped and nothing leaks.

## Where it deviates

- Small images of digits, in 16 patches, stand in for photographs. The design also runs on text, for what that is
  worth (above), and on the clustered task.
- Experts have a ReLU instead of a GELU and no biases.
- The group is a sequence (or the batch); the authors' code groups several images.
- $C$ is rounded up. The code can, too, and then raises it to a multiple of four; the paper rounds to the nearest.
- Every other layer has experts, one of the paper's arrangements.

## What it was checked against

Outputs, demand, drops and both losses against float64 loops over groups and tokens, for both orders of service, with
the same noise; slopes of the losses against finite differences; the refused weight, which no other order of service
makes smaller when every token has one expert. No independent implementation runs here: the authors' needs JAX.

## How long, and what to see

A default run, on images, takes well below two minutes on two cores. Set `capacity_factor_eval` well below 1 with
either `priority`: served by score, `dropped_weight` should stay below `dropped_fraction` and accuracy should fall
later than served by position. On text a part of any such advantage is the leak.
"""

from dataclasses import replace

import torch
from torch import Tensor

from reference_impls.configs.vmoe_bpr import VMoEConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.capacity import within_capacity
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import mean_squared_cv
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, entropy


class BatchPrioritisedRouter(LinearRouter):
    """Top-k with a capacity that serves the largest scores first; see the module's docstring."""

    def __init__(self, config: VMoEConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k most probable experts, as far as they have places."""
        config, k = self.config, self.config.experts_per_token
        clean_TE = self.logits(x_TD)
        deviation = config.noise / self.n_experts if self.training else 0.0
        noisy_TE = clean_TE + deviation * torch.randn_like(clean_TE) if deviation else clean_TE
        probability_TE = noisy_TE.softmax(-1)
        weight_TK, expert_TK = probability_TE.topk(k, dim=-1)

        group_T, n_groups = context.groups(config.routing_group)
        # Earlier in the list is earlier served: all first choices, the surest first, then all second ones.
        turn_T = torch.arange(len(x_TD), device=x_TD.device)
        if config.priority == "score":
            turn_T = weight_TK[:, 0].detach().argsort(descending=True, stable=True)
        token_A = turn_T.repeat(k)
        expert_A, weight_A = expert_TK[turn_T].T.flatten(), weight_TK[turn_T].T.flatten()

        importance = mean_squared_cv(clean_TE.softmax(-1), group_T, n_groups)
        load = mean_squared_cv(self._expected(clean_TE, noisy_TE, expert_TK, deviation), group_T, n_groups)
        routing = SparseRouting(
            token_A=token_A,
            expert_A=expert_A,
            weight_A=weight_A,
            demand_E=torch.bincount(expert_A, minlength=self.n_experts),
            entropy=entropy(probability_TE),
            n_tokens=len(x_TD),
            losses={
                "importance": AuxiliaryLoss(importance, config.importance_coefficient),
                "load": AuxiliaryLoss(load, config.load_coefficient),
            },
        )
        kept = within_capacity(routing, group_T, n_groups, k * config.capacity_factor(self.training))
        wanted, served = float(weight_A.detach().sum()), float(kept.weight_A.detach().sum())
        return replace(kept, stats={"dropped_weight": 1 - served / wanted if wanted else 0.0})

    def _expected(self, clean_TE: Tensor, noisy_TE: Tensor, expert_TK: Tensor, deviation: float) -> Tensor:
        """Chance of each expert to reach the token's k-th best logit under fresh noise; without noise 1 or 0."""
        if not deviation:
            return torch.zeros_like(clean_TE).scatter(1, expert_TK, 1.0)
        threshold_T1 = noisy_TE.gather(1, expert_TK[:, -1:])
        chance_TE: Tensor = torch.special.ndtr((clean_TE - threshold_T1) / deviation)
        return chance_TE


def make_layer(config: VMoEConfig) -> MoELayer:
    """A V-MoE layer: router and ReLU experts."""
    return moe_layer(config, BatchPrioritisedRouter(config))

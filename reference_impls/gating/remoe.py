r"""# ReMoE: a ReLU decides which experts run

Z. Wang, J. Zhu and J. Chen, *ReMoE: Fully Differentiable Mixture-of-Experts with ReLU Routing*,
[arXiv 2412.14711](https://arxiv.org/abs/2412.14711). Of the paper the abstract was read. The loss stands on a public
fork of the authors' Megatron code (`ReLURouter` in `router.py`, and an evaluation script that carries the initial
coefficient and the multiplier); the update of the coefficient on a public post on dynamic routing by `Spico197`.

## The design

The weight of an expert is the positive part of its logit, and an expert of weight zero does not run:

$$y = \sum_{i=1}^{N} w_i(x)\, E_i(x), \qquad w(x) = \mathrm{ReLU}(W_g x)$$

Where an expert appears or vanishes its weight is zero, so the output is continuous, and has a gradient everywhere
but on the border: nothing is chosen, as in top-$k$, by a comparison that no gradient sees.

How many experts run is up to the weights, token by token and layer by layer. A loss pulls the weights down, and
its coefficient is multiplied or divided after each step until the mean number of experts is $K$:

$$\mathcal{L} = \lambda_t\, \frac{N}{K}\sum_{i=1}^{N} f_i P_i, \qquad
f_i = \frac{1}{T} \sum_x \mathbb{1}\{w_i(x) > 0\}, \qquad P_i = \frac{1}{T} \sum_x w_i(x)$$

$$\lambda_{t+1} = \lambda_t\, \alpha^{\,\mathrm{sign}\left((1 - K/N) - S_t\right)}, \qquad
S_t = 1 - \frac{1}{L T N} \sum_{l, x, i} \mathbb{1}\{w^{(l)}_i(x) > 0\}$$

Without $f_i$ this is an L1 penalty of the weights. With it, experts that many tokens use are pulled down harder:
one loss keeps the experts few and their load even. $\lambda$ is one for all layers, so that layers may differ in how
many experts they use.

| symbol | meaning | here |
|---|---|---|
| $W_g$, $w$ | router weights, weights of the experts | `router.weight_ED`, `weight_TE` |
| $N$, $K$, $L$ | experts, experts of a token on average, layers with experts | `n_experts`, `experts_per_token` |
| $\lambda_t$, $\alpha$ | coefficient after $t$ steps, its multiplier | `router.penalty`, `penalty_growth` |
| $S_t$ | sparsity in step $t$ | `router.sparsity` |
| $f_i$ | load of expert $i$; no gradient; 1 for all with `balance` off | |

## What the metrics mean

- `experts_per_token`: positive weights of a token, mean over tokens and layers; $K$ is where it is steered to.
- `penalty`: $\lambda$ now.
- `aux_sparsity`: the loss without $\lambda$, mean over layers.
- `idle_tokens`: share of tokens that no expert works on; only the residual carries them.
- `load_cv`, `max_violation`: spread of the assignments over experts.
- `router_entropy`: of the weights divided by their sum, in nats; 0 for tokens of one expert or none.

## Which tokens see each other

None: each weight depends on its token alone. In training the coefficient carries the sparsity of earlier batches
into later ones; outside training it is not used.

## Where it deviates

- Initial weights of the router are this project's (`router_scale`). A fresh router runs every expert for about half of
  all directions whatever their scale, which only says how far the loss must pull.
- A layer used by itself, outside this project's models, steers by its own sparsity.
- Where the fork divides by $K$ times its granularity, granularity is 1 here.

## What it was checked against

Float64 loops written from the equations: outputs, loss, sparsity. The loss beside `load_balancing_loss`, which is the
same where every token has $K$ positive weights. The output along a line that crosses the border of an expert: no jump,
in steps however small. Then: the coefficient moves the right way, and all layers move alike.

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

`experts_per_token` starts at half of the experts, or more, and stays there while the coefficient grows from almost
nothing; then it falls to $K$ and swings about it, and `penalty` settles. With `balance` off the load is less even. A smaller
`penalty_growth` takes longer and swings less.
"""

from typing import Any

import torch
from torch import Tensor, nn

from reference_impls.configs.remoe import ReMoEConfig
from reference_impls.core.adaptive import masked_routing
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import masked_balance_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, Progress, Routing, RoutingContext, SparseRouting
from reference_impls.tasks.base import Forward, Task


class ReLURouter(LinearRouter):
    """Weights are rectified logits, kept few by an adaptive penalty; see the module's docstring."""

    penalty: Tensor
    sparsity: Tensor

    def __init__(self, config: ReMoEConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config
        nn.init.normal_(self.weight_ED, std=config.router_scale)
        self.register_buffer("penalty", torch.tensor(config.initial_penalty, dtype=torch.float64))
        self.register_buffer("sparsity", torch.tensor(0.0, dtype=torch.float64))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the experts of positive logit."""
        config = self.config
        weight_TE = self.logits(x_TD).relu()
        kept_TE = weight_TE.detach() > 0
        if self.training:
            self.sparsity.fill_(1 - float(kept_TE.sum()) / max(kept_TE.numel(), 1))
        counted_TE = kept_TE if config.balance else torch.ones_like(kept_TE)
        sparsity = masked_balance_loss(weight_TE, counted_TE, config.experts_per_token * len(x_TD))
        probability_TE = weight_TE / weight_TE.sum(-1, keepdim=True).clamp(min=torch.finfo(weight_TE.dtype).tiny)
        return masked_routing(
            weight_TE,
            kept_TE,
            probability_TE=probability_TE,
            losses={"sparsity": AuxiliaryLoss(sparsity, float(self.penalty))},
            stats={
                "penalty": float(self.penalty),
                "idle_tokens": float((~kept_TE.any(-1)).sum()) / max(len(x_TD), 1),
            },
        )

    @torch.no_grad()
    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Raise the penalty if too many experts ran, lower it if too few."""
        target = 1 - self.config.experts_per_token / self.n_experts
        self.penalty *= self.config.penalty_growth ** torch.sign(target - self.sparsity)


def make_layer(config: ReMoEConfig) -> MoELayer:
    """A ReMoE layer: ReLU router and SwiGLU experts."""
    return moe_layer(config, ReLURouter(config))


def run_model(task: Task, batch: Any) -> Forward:
    """As by default; in training all layers are then told the sparsity of all, by which they steer together."""
    done = task.forward(batch)
    routers = [module for module in task.model.modules() if isinstance(module, ReLURouter)]
    if task.model.training and routers:
        mean = torch.stack([router.sparsity for router in routers]).mean()
        for router in routers:
            router.sparsity.copy_(mean)
    return done

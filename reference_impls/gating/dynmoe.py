r"""# DynMoE: thresholds in place of k, experts that come and go

Y. Guo et al., *Dynamic Mixture of Experts: An Auto-Tuning Approach for Efficient Transformer Models*,
[arXiv 2405.14297](https://arxiv.org/abs/2405.14297). The gate, the losses and the adaptation stand on the authors'
public code (`LINs-lab/DynMoE`: `EMoE/tutel/tutel/gates/gated_multi_gate_t.py`, `DeepSpeed-0.9.5/deepspeed/moe/`
`sharded_moe.py` and `loss.py`).

## The design

**Top-any gating.** Every expert has an embedding and a threshold, both learned. A token uses every expert whose
similarity passes that expert's threshold, as many or few as that may be; those it uses count equally:

$$a_i(x) = \mathbb{1}\big\{\sigma(\tau \cos(x, w_i)) > \sigma(\tau \theta_i)\big\}, \qquad
y = \frac{1}{\max(\sum_j a_j(x), 1)} \sum_{i} a_i(x)\, E_i(x)$$

The step has no slope; in the backward pass an expert that is used has the gradient of its margin,
$\sigma(\tau \cos(x, w_i)) - \sigma(\tau \theta_i)$, in place of that of $a_i$. A token that passes no threshold gets
nothing in training; outside it, the expert of the largest similarity.

**Losses.** Embeddings of experts shall differ and stay short; tokens shall use few experts, and evenly:

$$\mathcal{L} = \beta \Big( \lVert \hat W \hat W^{\top} - I \rVert_F + \frac1N \sum_{i=1}^{N} \lVert w_i \rVert \Big)
+ \gamma\, \frac{1}{T N_{\max}} \sum_{x, i} a_i(x) + \alpha\, N_{\max} \sum_i f_i P_i$$

**Adaptation.** Every so many steps experts that no token used since the last time are removed. If tokens passed no
threshold, one expert is added: its embedding is the sum of those tokens, scaled to length one, and its threshold zero.

| symbol | meaning | here |
|---|---|---|
| $w_i$, $\theta_i$, $\tau$ | embedding and threshold of expert $i$, scale | `weight_ED`, `threshold_E`, `log_scale` |
| $a_i$ | one where expert $i$ is used | `kept_TE` |
| $\hat W$ | embeddings of the experts in use, each of length one | `unit_ED` |
| $N$, $N_{\max}$ | experts in use, places for experts | `experts_alive`, `n_experts` |
| $f_i$, $P_i$ | choices of expert $i$ over all choices; mean of $a_i / \sum_j a_j$ | |
| $\beta$, $\gamma$, $\alpha$ | coefficients | `gating_coefficient`, `efficiency_coefficient`, `balance_coefficient` |

## What the metrics mean

- `experts_per_token`: experts that a token uses, mean over tokens and layers.
- `experts_alive`: experts in use, mean over layers.
- `idle_tokens`: share of tokens that pass no threshold.
- `aux_gating`, `aux_efficiency`, `aux_load_balance`: the three losses without their coefficients.
- `load_cv`, `max_violation`: spread over all places, unused ones counted as experts without load.
- `router_entropy`: of the equal weights, $\ln$ of a token's number of experts.

## Which tokens see each other

None: each $a_i$ depends on its token alone. In training, tokens without an expert decide what expert is added later.

## Where it deviates

- All the experts there can be exist from the start, and a mask says which are in use, as in the authors' code; a new
  expert begins with the weights that its place has, fresh or left by an expert removed. The optimiser's moments of the
  place stay.
- The loss on lengths counts experts in use only; the authors' code takes the mean over the bank.
- The efficiency and balancing losses are in the authors' DeepSpeed code, not in its Tutel version, and the accounts of
  the paper at hand name the first two terms only. Without efficiency every expert comes to take every token here.
  The three have one coefficient there, and here one each, this project's. $f_i$ and $P_i$ are over all tokens; there,
  over those that use an expert, and not divided by the choices.
- When to adapt is this project's choice (`adapt_every`, `adapt_until`): the code leaves it to who calls it. Experts are
  not removed if none was used.
- `params_active` counts half of `initial_experts` a token, as similarities are evenly above and below zero at first.

## What it was checked against

Float64 loops written from the equations: outputs in training and evaluation, the three losses, the gradient that
reaches thresholds and embeddings, and a sequence of adaptations. No library at hand has the design.

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

`experts_alive` rises by at most one every `adapt_every` steps while `idle_tokens` is above zero, then stays.
`experts_per_token` depends on `efficiency_coefficient` more than on anything else: at 0 it grows until every expert
in use takes every token.
"""

import math

import torch
from torch import Tensor, nn

from reference_impls.configs.dynmoe import DynMoEConfig
from reference_impls.core.adaptive import masked_routing
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import masked_balance_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    Progress,
    Router,
    Routing,
    RoutingContext,
    SparseRouting,
    wide,
    wide_linear,
)

LARGEST_SCALE = 100.0


class TopAnyRouter(Router):
    """Every expert whose similarity passes its own threshold; see the module's docstring."""

    alive_E: Tensor
    used_E: Tensor
    unserved_D: Tensor

    def __init__(self, config: DynMoEConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.weight_ED = nn.Parameter(torch.empty(config.n_experts, config.d_model))
        self.threshold_E = nn.Parameter(torch.zeros(config.n_experts))
        self.log_scale = nn.Parameter(torch.tensor(math.log(config.initial_scale)))
        nn.init.orthogonal_(self.weight_ED)
        self.register_buffer("alive_E", torch.arange(config.n_experts) < config.initial_experts)
        self.register_buffer("used_E", torch.zeros(config.n_experts, dtype=torch.bool))
        self.register_buffer("unserved_D", torch.zeros(config.d_model))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to every expert whose threshold it passes."""
        score_TE, margin_TE = self.margins(x_TD)
        passed_TE = margin_TE.detach() > 0
        idle_T = ~passed_TE.any(-1)
        if self.training:
            kept_TE = passed_TE
            self.unserved_D += x_TD.detach()[idle_T].sum(0).to(self.unserved_D.dtype)
        else:  # a token that passes none takes its best
            best_T1 = score_TE.masked_fill(~self.alive_E, -1).argmax(-1, keepdim=True)
            best_TE = torch.zeros_like(passed_TE).scatter(1, best_T1, True)
            kept_TE = passed_TE | (best_TE & idle_T[:, None])
        # One in the forward pass, the gradient of the margin in the backward pass.
        chosen_TE = torch.where(kept_TE, 1 + margin_TE - margin_TE.detach(), 0)
        weight_TE = chosen_TE / kept_TE.sum(-1, keepdim=True).clamp(min=1)
        return masked_routing(
            weight_TE,
            kept_TE,
            probability_TE=weight_TE,
            losses=self.losses(chosen_TE, kept_TE),
            stats={
                "experts_alive": float(self.alive_E.sum()),
                "idle_tokens": float(idle_T.sum()) / max(len(x_TD), 1),
            },
        )

    def margins(self, x_TD: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the experts, [T, E], and by how much they pass the thresholds; dead experts pass none."""
        wide_TD = wide(x_TD)
        dtype = wide_TD.dtype
        scale = self.log_scale.to(dtype).clamp(max=math.log(LARGEST_SCALE)).exp()
        unit_TD = nn.functional.normalize(wide_TD, dim=-1)
        unit_ED = nn.functional.normalize(self.weight_ED.to(dtype), dim=-1)
        score_TE = (scale * wide_linear(unit_TD, unit_ED)).sigmoid()
        margin_TE = score_TE - (scale * self.threshold_E.to(dtype)).sigmoid()
        return score_TE.detach(), margin_TE.masked_fill(~self.alive_E, -1)

    def losses(self, chosen_TE: Tensor, kept_TE: Tensor) -> dict[str, AuxiliaryLoss]:
        """Diverse and short embeddings, few experts a token, an even load."""
        config = self.config
        alive_ED = wide(self.weight_ED[self.alive_E])
        unit_ED = nn.functional.normalize(alive_ED, dim=-1)
        apart_EE = unit_ED @ unit_ED.T - torch.eye(len(unit_ED), dtype=unit_ED.dtype, device=unit_ED.device)
        gating = apart_EE.norm() + alive_ED.norm(dim=-1).mean()
        efficiency = chosen_TE.sum() / max(chosen_TE.numel(), 1)
        share_TE = chosen_TE / chosen_TE.sum(-1, keepdim=True).clamp(min=1)
        balance = masked_balance_loss(share_TE, kept_TE, float(kept_TE.sum()))
        return {
            "gating": AuxiliaryLoss(gating, config.gating_coefficient),
            "efficiency": AuxiliaryLoss(efficiency, config.efficiency_coefficient),
            "load_balance": AuxiliaryLoss(balance, config.balance_coefficient),
        }

    @torch.no_grad()
    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Note which experts were used; every `adapt_every` steps remove the others, and add one."""
        self.used_E |= routing.demand_E > 0
        if progress.step % self.config.adapt_every or progress.fraction > self.config.adapt_until:
            return
        if bool((self.alive_E & self.used_E).any()):
            self.alive_E &= self.used_E
        length = self.unserved_D.norm()
        (free_F,) = torch.where(~self.alive_E)
        if length > 0 and len(free_F):
            new = int(free_F[0])
            self.alive_E[new] = True
            self.weight_ED[new] = (self.unserved_D / length).to(self.weight_ED.dtype)
            self.threshold_E[new] = 0.0
        self.used_E.zero_()
        self.unserved_D.zero_()


def make_layer(config: DynMoEConfig) -> MoELayer:
    """A layer of top-any gating and SwiGLU experts."""
    return moe_layer(config, TopAnyRouter(config))

r"""# DSelect-k: a top-k that is smooth

H. Hazimeh et al., *DSelect-k: Differentiable Selection in the Mixture of Experts with Applications to Multi-Task
Learning*, [arXiv 2106.03760](https://arxiv.org/abs/2106.03760). Equations and details are those of the authors' public
code (`google-research/dselect_k_moe/dselect_k_moe.py`).

## The design

Top-k jumps where two experts change places. DSelect-k writes the choice of an expert as its number in binary and
makes each bit a smooth function of the token. A selector $j$ has a logit for every bit; the smooth step turns it into
a number between 0 and 1 that is *exactly* 0 or 1 outside an interval of width $\gamma$:

$$S(z) = \begin{cases} 0 & z \le -\gamma/2 \\
-\frac{2}{\gamma^3} z^3 + \frac{3}{2\gamma} z + \frac{1}{2} & \text{between} \\
1 & z \ge \gamma/2 \end{cases} \qquad
r^{(j)}_i(x) = \prod_{b\,\in\,B_i} S\big(z^{(j)}_b\big) \prod_{b\,\notin\,B_i} \Big(1 - S\big(z^{(j)}_b\big)\Big)$$

If all bits are 0 or 1, $r^{(j)}$ is 1 for one expert and 0 for the others. $k$ selectors, weighted by a softmax, give
the weights of the experts; with their bits settled at most $k$ are not zero:

$$q_i(x) = \sum_{j=1}^{k} \mathrm{softmax}(\alpha(x))_j\; r^{(j)}_i(x), \qquad
y = \sum_{i\,:\,q_i > 0} q_i(x)\, E_i(x)$$

Two losses: one makes the selectors settle; the other is needed if $N$ is no power of 2, so that numbers without an
expert exist, and keeps the selectors from them:

$$\mathcal{L}_{\mathrm{entropy}} =
-\frac{\lambda}{T} \sum_x \sum_j \sum_i r^{(j)}_i \log\big(r^{(j)}_i + \epsilon\big), \qquad
\mathcal{L}_{\mathrm{reach}} = \frac{\mu}{T} \sum_x \sum_j \frac{1}{\max\big(\epsilon, \sum_i r^{(j)}_i\big)}$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $k$ | selectors | `experts_per_token` |
| $z^{(j)}_b$ | logits of the bits, linear in $x$ with a bias | `router.bit_MD`, `router.bit_bias_M` |
| $\alpha_j$ | logits of the selectors, linear in $x$ with a bias | `router.selector_KD`, `router.selector_bias_K` |
| $B_i$ | positions of the ones in the number $i$, counted from 0 | `router.code_Em` |
| $N$, $T$ | experts; tokens of the batch, padding excluded | `n_experts` |
| $\gamma$ | width of the step | `step_width` |
| $\lambda$, $\mu$ | coefficients | `entropy_coefficient`, `reach_coefficient` |
| $\epsilon$ | $10^{-6}$ | `EPSILON` |

Where $q_i$ is exactly 0 all its gradients are, too, so that leaving expert $i$ out changes nothing but the cost.

## What the metrics mean

- `experts_used`: experts of non-zero weight of a token, on average. Near $N$ at the start, where all experts are
  computed, and at most $k$ once the bits have settled. Parameters and costs are stated for $k$.
- `settled_bits`: share of the bits that are exactly 0 or 1.
- `aux_entropy`: sum over selectors of the entropy of $r^{(j)}$, in nats, without $\lambda$; 0 if all have settled.
- `aux_reach`: $\mathcal{L}_{\mathrm{reach}} / \mu$; $k$ if no selector lost weight to a number without an expert.
- `load_cv`, `max_violation`: spread of the number of tokens with non-zero weight over experts. Nothing balances it.
- `router_entropy`: of $q$, in nats. `dropped_fraction`: always 0, there is no capacity.

## Which tokens see each other

None: a token's output in this layer depends on that token alone.

## Where it deviates

- The paper's main use are weights of a task, the same for all examples. Here, as in the code's second mode, they
  follow from each token.
- The code adds both losses up over the examples of a batch, the second without a coefficient; here they are means
  over tokens, with coefficients that are this project's. The code takes $\lambda$ from a schedule; here it is
  constant.
- Where a selector is wholly on a number without an expert the code's second loss is infinite; here it is large.
- Weights and biases of the bits start uniform within $\pm \gamma / 100$ and those of the selectors within $\pm 0.05$,
  as in the code, so that no bit has settled at the start. $\gamma$ is 10 by default, the code's is 1: with the inputs
  and learning rate here a width of 1 settles most bits within some ten steps, before there is anything to choose by.
- ReLU experts without biases, in a transformer.

## What it was checked against

Outputs and both losses against float64 loops over tokens, selectors, experts and bits, for numbers of experts that
are powers of 2 and that are not; slopes in all weights of the router against finite differences; the smooth step's
ends, slope and symmetry; weights that add up to one; at most $k$ experts where all bits have settled. No independent
implementation runs here: the authors' needs TensorFlow.

## How long, and what to see

A default run takes about two minutes on two cores: early steps are the slowest, since every token still uses
every expert. `experts_used` should fall towards $k$ while `settled_bits` rises to 1; a larger `entropy_coefficient`
or a smaller `step_width` hastens both and decides earlier on less evidence. The load is as uneven as it pleases.
"""

import torch
from torch import Tensor, nn

from reference_impls.configs.dselect_k import DSelectKConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import (
    AuxiliaryLoss,
    Router,
    RoutingContext,
    SparseRouting,
    entropy,
    wide_linear,
)

EPSILON = 1e-6


class DSelectKRouter(Router):
    """k selectors that spell experts in smooth bits; see the module's docstring."""

    code_Em: Tensor

    def __init__(self, config: DSelectKConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        k, m = config.experts_per_token, config.bits
        near = config.step_width / 100
        self.bit_MD = nn.Parameter(torch.empty(k * m, config.d_model).uniform_(-near, near))
        self.bit_bias_M = nn.Parameter(torch.empty(k * m).uniform_(-near, near))
        self.selector_KD = nn.Parameter(torch.empty(k, config.d_model).uniform_(-0.05, 0.05))
        self.selector_bias_K = nn.Parameter(torch.empty(k).uniform_(-0.05, 0.05))
        place_m = torch.arange(m - 1, -1, -1)
        code_Em = (torch.arange(self.n_experts)[:, None] >> place_m) & 1
        self.register_buffer("code_Em", code_Em.bool(), persistent=False)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the experts of non-zero weight."""
        config = self.config
        bit_TKm = self.bits(x_TD)
        choice_TKE = torch.where(self.code_Em, bit_TKm[:, :, None], 1 - bit_TKm[:, :, None]).prod(-1)
        share_TK = wide_linear(x_TD, self.selector_KD, self.selector_bias_K).softmax(-1)
        weight_TE = (share_TK[..., None] * choice_TKE).sum(1)
        token_A, expert_A = torch.where(weight_TE > 0)

        tokens = max(len(x_TD), 1)
        losses = {
            "entropy": AuxiliaryLoss(
                -(choice_TKE * (choice_TKE + EPSILON).log()).sum() / tokens, config.entropy_coefficient
            )
        }
        if self.n_experts < 2**config.bits:
            reach = (1 / choice_TKE.sum(-1).clamp(min=EPSILON)).sum() / tokens
            losses["reach"] = AuxiliaryLoss(reach, config.reach_coefficient)
        settled_TKm = (bit_TKm == 0) | (bit_TKm == 1)
        return SparseRouting(
            token_A=token_A,
            expert_A=expert_A,
            weight_A=weight_TE[token_A, expert_A],
            demand_E=torch.bincount(expert_A, minlength=self.n_experts),
            entropy=entropy(weight_TE),
            n_tokens=len(x_TD),
            losses=losses,
            stats={
                "experts_used": len(token_A) / tokens,
                "settled_bits": float(settled_TKm.double().mean()) if settled_TKm.numel() else 1.0,
            },
        )

    def bits(self, x_TD: Tensor) -> Tensor:
        """Each selector's bits, from 0 to 1, [T, K, m]."""
        logit_TM = wide_linear(x_TD, self.bit_MD, self.bit_bias_M)
        return smooth_step(logit_TM, self.config.step_width).view(
            len(x_TD), self.config.experts_per_token, self.config.bits
        )


def smooth_step(z: Tensor, width: float) -> Tensor:
    """Cubic from 0 at -width/2 to 1 at width/2, flat at both ends, exactly 0 and 1 beyond."""
    u = (z / width).clamp(-0.5, 0.5)
    return torch.where(u <= -0.5, 0.0, torch.where(u >= 0.5, 1.0, -2 * u**3 + 1.5 * u + 0.5))


def make_layer(config: DSelectKConfig) -> MoELayer:
    """A DSelect-k layer: selectors and ReLU experts."""
    return moe_layer(config, DSelectKRouter(config))

r"""# SparseMixer-v2: a gradient for the draw of experts

*GRIN: GRadient-INformed MoE*, [arXiv 2409.12136](https://arxiv.org/abs/2409.12136). The paper's text was not at
hand; the design stands on `sparsemixer` and `PhimoeMultiplier` of transformers (`models/phimoe`), the model that
came with it.

## The design

Top-k routing teaches the router by the weights alone: that another expert might have been better has no gradient.
Here the choice is a random draw in training, and an estimate of the draw's own gradient is made.

Experts are chosen in $K$ rounds; each leaves out those already chosen. A round knows only logits near its best:

$$m = \max_{i \in \text{left}} \ell_i, \qquad
\text{near} = \{ i \in \text{left} : m - \ell_i \le r \max(|\ell_i|, m) \}, \qquad
p_i = \frac{e^{\ell_i}}{\sum_{j \in \text{near}} e^{\ell_j}} \ \text{for}\ i \in \text{near, else}\ 0$$

Outside training the round takes the best expert with the weight $p_{i^*}$. In training it draws $i^*$ from $p$, and
an expert that is not the best enters with a smaller weight most of the time:

$$w = \delta\, p_{i^*}, \qquad \delta = \begin{cases} 1 & \text{if } i^* = \arg\max p\\
1 & \text{otherwise, with probability } 1/4\\ 1/3 & \text{otherwise} \end{cases} \qquad
\frac{\partial w}{\partial \ell_j} := p_{i^*} \big( \mathbb{1}\{j = i^*\} - p_j \big)$$

$$y = \sum_{\text{rounds}} w\, E_{i^*}(x), \qquad \ell = W_g x, \qquad E_i(x) = W^{(i)}_{\mathrm{down}}
\big(\mathrm{silu}(W^{(i)}_{\mathrm{gate}} x) \odot W^{(i)}_{\mathrm{up}} x\big)$$

$\delta$ changes the value and not the gradient of the weight. What the rest of the network sends back is thereby
evaluated at a third of the way in three of four cases and at the whole in the fourth: the nodes and weights of
Heun's method of third order, which approximates the difference between having the expert and not having it.

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_g$, $\ell$ | router weights, logits | `router.weight_ED` |
| $K$ | rounds, and experts of one token | `experts_per_token` |
| $r$ | relative width of the range (twice `router_jitter_noise` in transformers) | `relative_width` |
| $p$ | distribution of a round | |
| $\delta$ | factor of the estimator, in training | |

Nothing has a capacity. A balancing loss $\alpha N \sum_i f_i P_i$ over all experts (as on the page of Mixtral) counts
the experts that were chosen; $\alpha$ is `balance_coefficient`.

## What the metrics mean

- `near_experts`: experts within range in the first round, mean over tokens. At 1 there is nothing to draw.
- `drawn_off_best`: share of the choices, in training, that are not the best of their round.
- `aux_load_balance`: the sum without $\alpha$; $K$ is perfect balance.
- `load_cv`, `max_violation`: spread of the load over experts; 0 is perfect balance. `dropped_fraction` is 0.
- `router_entropy`: of the softmax over all experts, in nats; $\ln N$ if the router has no opinion.
- `cross_entropy` is in nats per byte; `bits_per_byte` is the same divided by $\ln 2$.

## Which tokens see each other

None: a token's output in this layer depends on that token (and in training on chance) alone.

## Where it deviates

- The released configuration has $r = 0.02$. Only experts within that range are drawn and only they get a gradient,
  which for eight experts and a router without opinions is seldom more than one; 0.2 is this project's choice for
  runs of some hundred steps.
- The code of transformers chooses two experts; here the rounds go on for any $K$. Its numbers 0.3333 and 0.6667 are
  1/3 and 2/3 here.
- The optional jitter of the input is left out. The balancing loss counts what was drawn, where transformers counts
  the best; the paper balances over a whole global batch, here it is the batch.
- Initial weights of the experts have variance 1 over the number of inputs, those of their outputs
  1 / (2 * layers) of that.

## What it was checked against

`PhimoeSparseMoeBlock` of transformers: outputs and all gradients in float32 and float64, outside training and in
training with the same numbers drawn (to 2e-4, the rounding of its 0.3333). Outputs against a plain float64 loop.
Then: the frequencies of the draw and of $\delta$; and that for an outcome that is cubic in the weight, the mean
gradient of an expert that is not the best is that of its being drawn, which the gradient of the weight alone is
not.

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

Training is noisier than validation, where the best is taken: losses of the two are not of one kind. `near_experts`
falls as the router forms opinions, and `drawn_off_best` with it. A `relative_width` of 0.02 leaves nearly
everything to the balancing loss.
"""

import torch
from torch import Tensor

from reference_impls.configs.sparsemixer import SparseMixerConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.noise import gumbel_noise
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing

WHOLE_STEP = 0.25  # how often an expert that is not the best enters whole; otherwise with a third


class SparseMixerRouter(LinearRouter):
    """k rounds of draws near the best logit, with an estimated gradient; see the module's docstring."""

    def __init__(self, config: SparseMixerConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to k experts, drawn in training."""
        config = self.config
        logit_TE = left_TE = self.logits(x_TD)
        weights, experts, off_best, near = [], [], 0.0, 0.0
        for turn in range(config.experts_per_token):
            probability_TE = near_softmax(logit_TE, left_TE, config.relative_width)
            expert_T1, weight_T1 = draw(probability_TE) if self.training else take_best(probability_TE)
            left_TE = left_TE.scatter(1, expert_T1, -torch.inf)
            weights.append(weight_T1)
            experts.append(expert_T1)
            off_best += float((expert_T1 != probability_TE.argmax(-1, keepdim=True)).sum())
            if turn == 0:
                near = float((probability_TE > 0).sum())
        expert_TK = torch.cat(experts, dim=-1)
        probability_TE = logit_TE.softmax(-1)
        balance = load_balancing_loss(probability_TE, expert_TK, "per-token")
        T = max(len(x_TD), 1)
        return top_k_routing(
            torch.cat(weights, dim=-1), expert_TK, self.n_experts, probability_TE=probability_TE,
            losses={"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)},
            stats={"near_experts": near / T, "drawn_off_best": off_best / (T * config.experts_per_token)},
        )  # fmt: skip


def near_softmax(logit_TE: Tensor, left_TE: Tensor, relative_width: float) -> Tensor:
    """Softmax over the experts of a round whose logits are near the best.

    Args:
        logit_TE: all logits.
        left_TE: the same, minus infinity where an expert was chosen before.
        relative_width: how near, relative to the larger of the two.
    """
    best_T1 = left_TE.detach().amax(-1, keepdim=True)
    scale_TE = torch.maximum(logit_TE.detach().abs(), best_T1)
    far_TE = best_T1 - logit_TE.detach() > relative_width * scale_TE
    return left_TE.masked_fill(far_TE, -torch.inf).softmax(-1)


def take_best(probability_TE: Tensor) -> tuple[Tensor, Tensor]:
    """The best expert and its probability, both [T, 1]."""
    weight_T1, expert_T1 = probability_TE.max(-1, keepdim=True)
    return expert_T1, weight_T1


def draw(probability_TE: Tensor) -> tuple[Tensor, Tensor]:
    """An expert drawn from its distribution and its weight with the estimated gradient, both [T, 1]."""
    # The largest of log p plus Gumbel noise is a draw from p.
    expert_T1 = (probability_TE.detach().log() + gumbel_noise(probability_TE)).argmax(-1, keepdim=True)
    is_best_T1 = expert_T1 == probability_TE.argmax(-1, keepdim=True)
    whole_T1 = is_best_T1 | (torch.rand_like(probability_TE[:, :1]) > 1 - WHOLE_STEP)
    weight_T1 = probability_TE.gather(1, expert_T1)
    # The factor is part of the value only: the gradient remains that of the probability.
    return expert_T1, weight_T1 - (weight_T1 * 2 / 3).masked_fill(whole_T1, 0.0).detach()


def make_layer(config: SparseMixerConfig) -> MoELayer:
    """A GRIN layer: router and SwiGLU experts."""
    return moe_layer(config, SparseMixerRouter(config))

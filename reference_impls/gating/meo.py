r"""# MEO: the selected experts, merged into one

S. He, R.-Z. Fan, L. Ding, L. Shen, T. Zhou, D. Tao, *Merging Experts into One: Improving Computational Efficiency of
Mixture of Experts*, [arXiv 2310.09832](https://arxiv.org/abs/2310.09832); the authors' code (Shwai-He/MEO,
`transformers/models/layers.py`, classes `MEO` and `TokenAtt`).

## The design

Several experts are better than one and cost as much as several. MEO selects $k$ experts for a sequence and adds up
their *weights* before any token is multiplied, so that a token passes through one:

$$\pi = \mathrm{softmax}\Big(\mathrm{TopK}\big(W_g \bar x + \epsilon \odot \sigma\big)\Big), \qquad
\bar x = \frac{1}{T} \sum_t \tilde x_t, \qquad \sigma = \mathrm{softplus}(W_\sigma \bar x) + \sigma_0$$

$$y_t = f\Big(\tilde x_t;\ \sum_{i \in \mathrm{TopK}} \pi_i\, \theta_i\Big), \qquad
\tilde x_t = x_t + U\,\mathrm{relu}(V x_t + b_V) + b_U$$

The *token attention* $\tilde x_t - x_t$, a narrow feed-forward of each token that begins at zero, gives back some of
what tells tokens apart, since all of a sequence share one merged expert. The noise $\epsilon$ is normal and drawn in
training only. Two losses keep the experts in use, the squared coefficients of variation, over experts, of the summed
weights and of the estimated counts:

$$\mathcal{L} = c \Big(\mathrm{CV}^2\Big(\sum_{b} \pi^{(b)}\Big) + \mathrm{CV}^2\Big(\sum_b P^{(b)}\Big)\Big)$$

| symbol | meaning | here |
|---|---|---|
| $x_t$, $\tilde x_t$ | tokens before and after the token attention | `router.attention` |
| $V$, $U$, $b$ | token attention, `attention_reduction` times narrower than the tokens | `down_HD`, `up_DH` |
| $W_g$, $W_\sigma$, $\sigma_0$ | logits, their noise and its floor | `router.gate`, `noise_floor` |
| $k$ | experts that are merged | `merged_experts` |
| $\theta_i$, $f$ | all weights of expert $i$; SwiGLU | `experts` |
| $P^{(b)}$ | probability that sequence $b$ would select the expert if its noise were drawn anew | `inclusion` |
| $c$ | coefficient | `balance_coefficient` |

For experts that are single matrices, merging weights and averaging outputs are the same; between the matrices of a
feed-forward there is something that is not linear, and they are not.

## What the metrics mean

- `accuracy`, `cross_entropy`: of held-out images (or points). `loss` adds the weighted balancing losses.
- `aux_importance`, `aux_load`: the two losses without $c$, mean over layers; 0 is even.
- `noise_deviation`: mean deviation of the noise on the logits.
- `router_entropy`: of $\pi$ in nats; $\ln k$ at most.
- `load_cv`, `max_violation`: spread over experts of the weights that tokens got. `dropped_fraction`: always 0.
- `information`: between the digit (or cluster) and the experts that its sequences merged.

## Which tokens see each other

All tokens of a sequence, through the mean by which it selects: earlier ones see later ones, and the text task is
not offered. Sequences meet only in the balancing losses. Padding takes part in nothing, sequences of padding alone in
no loss.

## Where it deviates

- The authors replace each matrix of a pretrained model by a merged one, with its own selection and a bias; here a
  feed-forward is merged as a whole, by one selection, without biases, in an encoder trained from scratch.
- Merging by task description, which their code also has, is left out.
- Their variance divides by one less than the number of experts; ours by the number, so that the losses are
  $(N - 1)/N$ of theirs.
- $b_V$ and $b_U$ begin at zero, $U$ too, as in their code; the token attention is 8 times narrower than our narrow
  tokens, theirs 64 times than 768.
- On the clustered task all points of a sequence share a cluster, since the design selects by sequence.

## What it was checked against

The equations in a plain float64 loop; `torch.func.functional_call` of an ordinary module on averaged weights, outputs
and gradients; the losses against sums written out; for experts made linear, the average of outputs; that weights add
up to one over $k$ experts.

## How long, and what to see

Well under a minute. `aux_load` and `load_cv` show how even the selection is kept; `balance_coefficient = 0` shows what it is
without the losses. `merged_experts = 1` is a plain choice of one expert, which passes the router no gradient but that
of the losses; with `merged_experts` equal to `n_experts` it is SMEAR with noise.
"""

import torch
from torch import Tensor, nn

from reference_impls.configs.meo import MEOConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import squared_cv
from reference_impls.core.merging import group_mean, merge_routing
from reference_impls.core.noise import NoisyGate
from reference_impls.core.routing import AuxiliaryLoss, MergeRouting, Router, Routing, RoutingContext, wide_linear


class TokenAttention(nn.Module):
    """Adds to each token a narrow feed-forward of it, in at least float32; nothing at first."""

    def __init__(self, d_model: int, width: int) -> None:
        super().__init__()
        self.down_HD, self.down_H = nn.Parameter(torch.empty(width, d_model)), nn.Parameter(torch.zeros(width))
        self.up_DH, self.up_D = nn.Parameter(torch.zeros(d_model, width)), nn.Parameter(torch.zeros(d_model))
        nn.init.normal_(self.down_HD, std=d_model**-0.5)

    def forward(self, x_TD: Tensor) -> Tensor:
        """Tokens [T, D]."""
        hidden_TH = wide_linear(x_TD, self.down_HD, self.down_H).relu()
        return x_TD + wide_linear(hidden_TH, self.up_DH, self.up_D)


class MEORouter(Router):
    """Noisy top-k of the mean token of each sequence; see the module's docstring."""

    def __init__(self, config: MEOConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.attention = TokenAttention(config.d_model, config.attention_width)
        self.gate = NoisyGate(config.d_model, config.n_experts, config.noise_floor)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> MergeRouting:
        """Weights of the selected experts for each sequence."""
        k, coefficient = self.config.merged_experts, self.config.balance_coefficient
        logits = self.gate(group_mean(x_TD, context.sequence_T, context.n_sequences))
        best_GK, expert_GK = logits.noisy.topk(k, dim=-1)
        weight_GE = torch.zeros_like(logits.noisy).scatter(-1, expert_GK, best_GK.softmax(-1))
        filled_G = torch.bincount(context.sequence_T, minlength=context.n_sequences) > 0
        losses = {
            "importance": AuxiliaryLoss(squared_cv(weight_GE[filled_G].sum(0)), coefficient),
            "load": AuxiliaryLoss(squared_cv(logits.inclusion(k)[filled_G].sum(0)), coefficient),
        }
        stats = {"noise_deviation": logits.mean_deviation}
        return merge_routing(weight_GE, context.sequence_T, losses=losses, stats=stats)


class MEOLayer(MoELayer):
    """Shows router and experts the tokens after the token attention."""

    router: MEORouter

    def view(self, x_TD: Tensor, context: RoutingContext) -> tuple[Tensor, RoutingContext]:
        """The tokens after the token attention, in the router's precision."""
        return self.router.attention(x_TD), context

    def combine(self, x_TD: Tensor, routing: Routing) -> Tensor:
        """Outputs of the merged experts, in the experts' precision."""
        return super().combine(x_TD.to(next(self.experts.parameters()).dtype), routing)


def make_layer(config: MEOConfig) -> MoELayer:
    """A MEO layer: token attention, router and SwiGLU experts."""
    return moe_layer(config, MEORouter(config), MEOLayer)

r"""# Yuan 2.0-M32: a router that attends over the experts

S. Wu et al., *Yuan 2.0-M32: Mixture of Experts with Attention Router*,
[arXiv 2405.17976](https://arxiv.org/abs/2405.17976). The paper's text was not at hand; the design stands on the
authors' repository (IEIT-Yuan/Yuan2.0-M32: `router.py`, classes `ParallelAttention_router` and `TopKRouter`, and
the inference classes of the same name) and on survey A.

## The design

A linear router scores each expert by itself. Here the token gives each expert three numbers, a query, a key and a
value, and the logit of an expert is a mean of all values, weighted by how its query meets the keys:

$$q = W_q x, \quad k = W_k x, \quad v = W_v x \in \mathbb{R}^N, \qquad
\ell_i(x) = \sum_{j=1}^{N} \frac{e^{q_i k_j}}{\sum_{m=1}^{N} e^{q_i k_m}}\, v_j$$

$$y = \sum_{i \in \text{chosen}(x)} \frac{e^{\ell_i}}{\sum_{j \in \text{chosen}(x)} e^{\ell_j}}\, E_i(x), \qquad
\text{chosen}(x) = \mathrm{Top}_K(\ell(x))$$

$$E_i(x) = W^{(i)}_{\mathrm{down}} \big(\mathrm{silu}(W^{(i)}_{\mathrm{gate}} x) \odot W^{(i)}_{\mathrm{up}} x\big)$$

Nothing has a capacity. As heads are one number wide, a token's logits depend on an expert through its query alone,
and lie between the smallest and the largest value. A balancing loss, and a z-loss where set, are added for every
layer:

$$\mathcal{L} = \alpha\, N \sum_{i=1}^{N} f_i P_i
+ \zeta\, \frac{1}{T} \sum_{x} \Big( \log \sum_{i} e^{\ell_i} \Big)^2$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_q$, $W_k$, $W_v$ | query, key and value weights | `router.query_ED`, `router.key_ED`, `router.value_ED` |
| $N$, $K$ | experts, and experts of one token | `n_experts`, `experts_per_token` |
| $T$ | tokens of the batch, padding excluded | |
| $f_i$ | choices of expert $i$ over all choices; no gradient | |
| $P_i$ | mean of $\mathrm{softmax}(\ell(x))_i$ | |
| $\alpha$, $\zeta$ | coefficients | `balance_coefficient`, `z_coefficient` |

## What the metrics mean

- `attention_entropy`: of a row of the attention over experts, in nats, mean over rows and tokens. At $\ln N$ every
  expert gets the same logit, the mean of the values.
- `aux_load_balance`: $N \sum f_i P_i$; 1 is perfect balance. `aux_router_z`: the z-loss where it is set.
- `load_cv`, `max_violation`: spread of the load over experts; 0 is perfect balance. `dropped_fraction` is 0.
- `router_entropy`: of the softmax over all logits, in nats. It stays high: logits are means, and means are alike.
- `cross_entropy` is in nats per byte; `bits_per_byte` is the same divided by $\ln 2$.

## Which tokens see each other

None: the attention is over experts, not over tokens.

## Where it deviates

- The authors' training code divides the products by a norm factor, which is 1 unless layer scaling is set; the
  inference code has none. Neither has this.
- Query, key and value weights are drawn with variance $1/d$, so that all three numbers have variance about one. At
  the width of the model the usual deviation of 0.02 does nearly the same; in a narrow model it would leave the
  attention flat and every logit the same.
- Coefficients of the losses and the number of experts are this project's. On the clustered task there are two
  experts for each cluster, since a token's two experts weigh nearly alike. The balancing loss is that of Switch, as
  in the router's code.
- Initial weights of the experts have variance 1 over the number of inputs, those of their outputs
  1 / (2 * layers) of that. The model's local filter in attention is left out.

## What it was checked against

No independent implementation of the layer is installed. Logits and their gradients against torch's
`scaled_dot_product_attention` with one number a head; outputs against a plain float64 loop. Then: logits lie
between the values, experts of equal queries have equal logits, and renumbering the experts renumbers the logits.

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

`attention_entropy` falls below $\ln N$ as the router forms opinions. Setting `balance_coefficient` to 0 shows
whether the load holds by itself.
"""

import torch
from torch import Tensor, nn

from reference_impls.configs.yuan_attention import YuanAttentionConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss, router_z_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    Router,
    RoutingContext,
    SparseRouting,
    entropy,
    top_k_routing,
    wide_linear,
)


class YuanAttentionRouter(Router):
    """Top-k of logits that an attention over the experts mixes; see the module's docstring."""

    def __init__(self, config: YuanAttentionConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.query_ED = nn.Parameter(torch.empty(config.n_experts, config.d_model))
        self.key_ED = nn.Parameter(torch.empty(config.n_experts, config.d_model))
        self.value_ED = nn.Parameter(torch.empty(config.n_experts, config.d_model))
        for weight in (self.query_ED, self.key_ED, self.value_ED):
            nn.init.normal_(weight, std=config.d_model**-0.5)

    def attend(self, x_TD: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [T, E], and the attention [T, E, E] of each expert (second axis) over all."""
        query_TE, key_TE, value_TE = (wide_linear(x_TD, w) for w in (self.query_ED, self.key_ED, self.value_ED))
        attention_TEE = (query_TE[:, :, None] * key_TE[:, None, :]).softmax(-1)
        return (attention_TEE @ value_TE[:, :, None]).squeeze(-1), attention_TEE

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k experts of largest logit."""
        config = self.config
        logit_TE, attention_TEE = self.attend(x_TD)
        probability_TE = logit_TE.softmax(-1)
        top_TK, expert_TK = logit_TE.topk(config.experts_per_token, dim=-1)
        balance = load_balancing_loss(probability_TE, expert_TK, "per-assignment")
        losses = {"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)}
        if config.z_coefficient > 0:
            losses["router_z"] = AuxiliaryLoss(router_z_loss(logit_TE), config.z_coefficient)
        return top_k_routing(
            top_TK.softmax(-1), expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses,
            stats={"attention_entropy": float(entropy(attention_TEE.flatten(0, 1)))},
        )  # fmt: skip


def make_layer(config: YuanAttentionConfig) -> MoELayer:
    """A Yuan layer: attention router and SwiGLU experts."""
    return moe_layer(config, YuanAttentionRouter(config))

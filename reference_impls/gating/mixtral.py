r"""# Mixtral: two experts a token, none dropped

A. Q. Jiang et al., *Mixtral of Experts*, [arXiv 2401.04088](https://arxiv.org/abs/2401.04088), section 2.1.

## The design

The router is one linear map. Each token takes the $K$ experts of largest logit, and the softmax is taken
over those $K$ logits only, so that the weights of a token always add up to one:

$$G(x) = \mathrm{softmax}\big(\mathrm{TopK}(W_g x)\big), \qquad
\mathrm{TopK}(\ell)_i = \begin{cases}\ell_i & \text{if } \ell_i \text{ is among the } K \text{ largest}\\
-\infty & \text{otherwise}\end{cases}$$

$$y = \sum_{i=1}^{N} G(x)_i\, E_i(x), \qquad E_i(x) = W^{(i)}_{\mathrm{down}}
\big(\mathrm{silu}(W^{(i)}_{\mathrm{gate}} x) \odot W^{(i)}_{\mathrm{up}} x\big)$$

No expert has a capacity: nothing is dropped, and an unbalanced router only costs speed. A softmax over the
chosen logits equals the softmax over all, restricted to the chosen experts and divided by its sum there;
both orders of softmax and top-K therefore name the same layer.

A balancing loss is added for every layer:

$$\mathcal{L}_{\mathrm{balance}} = \alpha\, N \sum_{i=1}^{N} f_i P_i, \qquad
f_i = \frac{1}{T}\sum_{x} \mathbb{1}\{i \in \text{chosen}(x)\}, \qquad
P_i = \frac{1}{T}\sum_{x} \mathrm{softmax}(W_g x)_i$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_g$ | router weights | `router.weight_ED` |
| $N$, $K$ | experts, and experts of one token | `n_experts`, `experts_per_token` |
| $T$ | tokens of the batch, padding excluded | |
| $\odot$ | product by element | |
| $f_i$ | tokens that chose expert $i$, divided by $T$ (these add up to $K$); no gradient | |
| $P_i$ | mean probability of expert $i$, over all $N$; carries the gradient | |
| $\alpha$ | coefficient of the balancing loss | `balance_coefficient` |

## What the metrics mean

- `cross_entropy`: nats per byte of text; `bits_per_byte` is the same divided by $\ln 2$. `loss` adds the
  weighted auxiliary losses.
- `aux_load_balance`: the sum above without $\alpha$, mean over layers. Perfect balance is $K$ in the
  convention `per-token` (the default), 1 in `per-assignment` and `first-choice`.
- `load_cv`, `max_violation`: spread of the load over experts; 0 is perfect balance.
- `dropped_fraction`: always 0, reported so that designs can be compared.
- `router_entropy`: of the softmax over all experts, in nats; $\ln N$ if the router has no opinion.

## Which tokens see each other

None: a token's output in this layer depends on that token alone. Changing later bytes never changes earlier
logits, sequences of a batch do not influence each other, and scoring a text at once gives the same logits as
generating it byte by byte.

## Where it deviates

- The paper states no balancing loss. The released 8x7B configuration carries `router_aux_loss_coef: 0.02`;
  the loss and its `per-token` convention are those of transformers' `load_balancing_loss_func`, but taken
  for each layer and added up, as Switch does; transformers multiplies the means over all layers once, so
  that with L layers the same coefficient weighs about L times as much here.
- A byte-level model of a few layers, with ordinary multi-head attention, stands in for 32 layers of
  grouped-query attention.
- Initial weights of the experts have variance 1 over the number of inputs, those of their outputs
  1 / (2 * layers) of that, so that the layers add up to order one; the paper does not state its own.

## What it was checked against

`MixtralSparseMoeBlock` of transformers: outputs and all gradients in float32 and float64; its
`load_balancing_loss_func`, with and without padding (`checks/mixtral.py`). Then properties: weights of
a token add up to one, causality of the whole model, no influence of padding, permutation of tokens permutes
outputs, finite under extreme logits, the fast dispatch equal to the readable loop.

## How long, and what to see

A default run reads 491,520 bytes of text with 1.9 million parameters, of which a byte uses 0.7 million; it takes less than two
minutes on two cores. A run of twice as many steps (`steps: 480`), with seed 0 under Python 3.11, where byte
frequencies alone reach 5.05 bits per byte, ended near these values in validation:

- 2.24 bits per byte;
- a balancing loss of 2.02 (2 is even), `load_cv` 0.09 and `max_violation` 0.11;
- nothing dropped, by design;
- a router entropy of 1.80 nats, down from $\ln 8 = 2.08$.

These are no evidence that one design is better than another: default runs differ in parameters, widths and
layers with experts. The comparison under one budget is another matter (`bench-designs`).

Setting `balance_coefficient` to 0 shows what the loss is for. Another seed or Python version moves the last digits.
"""

from torch import Tensor

from reference_impls.configs.mixtral import MixtralTop2Config
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing


class MixtralTop2Router(LinearRouter):
    """Dropless top-k routing, softmax over the chosen logits; see the module's docstring."""

    def __init__(self, config: MixtralTop2Config) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k experts of largest logit."""
        k = self.config.experts_per_token
        logit_TE = self.logits(x_TD)
        probability_TE = logit_TE.softmax(-1)
        top_TK, expert_TK = logit_TE.topk(k, dim=-1)
        balance = load_balancing_loss(probability_TE, expert_TK, self.config.balance_convention)
        losses = {"load_balance": AuxiliaryLoss(balance, self.config.balance_coefficient)}
        return top_k_routing(
            top_TK.softmax(-1), expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses
        )


def make_layer(config: MixtralTop2Config) -> MoELayer:
    """A Mixtral layer: router and SwiGLU experts."""
    return moe_layer(config, MixtralTop2Router(config))

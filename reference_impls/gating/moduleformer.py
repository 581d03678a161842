r"""# ModuleFormer: balance out of mutual information

Y. Shen et al., *ModuleFormer: Learning Modular Large Language Models From Uncurated Data*,
[arXiv 2306.04640](https://arxiv.org/abs/2306.04640). Gate and loss stand on the authors' code (repository
IBM/ModuleFormer, `moduleformer/utils/gate.py`, class `top_k_gating`) and on survey A.

## The design

A small network with one hidden layer scores the experts; a token uses the $K$ most probable with their probabilities:

$$p(x) = \mathrm{softmax}\big(B\, \mathrm{GELU}(A x + a)\big), \qquad
y = \sum_{i \in \mathrm{Top}_K(p(x))} p_i(x)\, E_i(x)$$

$$E_i(x) = W^{(i)}_{\mathrm{down}} \big(\mathrm{silu}(W^{(i)}_{\mathrm{gate}} x) \odot W^{(i)}_{\mathrm{up}} x\big)$$

Instead of pressing the load to be even, training raises the mutual information of token and expert. That asks two
things at once: each token should know its experts (the first entropy is small), and all experts should be
used (the second is large). Nothing has a capacity.

$$\mathcal{L}_{\mathrm{MI}} = \alpha \Big[ \frac{1}{T} \sum_{x} H\big(p(x)\big)
- H\Big( \frac{1}{T} \sum_{x} p(x) \Big) \Big], \qquad H(p) = -\sum_{i=1}^{N} p_i \log p_i$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $A$, $a$ | first map of the gate | `router.hidden_HD`, `router.hidden_bias_H` |
| $B$ | second map, without bias | `router.weight_EH` |
| $N$, $K$ | experts, and experts of one token | `n_experts`, `experts_per_token` |
| $T$ | tokens of the batch, padding excluded | |
| $\alpha$ | coefficient | `information_coefficient` |

In training a share `gate_dropout` of the hidden layer is left out.

## What the metrics mean

- `aux_token_information`: the bracket, in nats, mean over layers: minus the mutual information of token and expert.
  It lies between $-\ln N$ and 0; lower is better.
- `router_entropy`: its first term. The second, the entropy of the mean, is `router_entropy` minus the loss.
- `load_cv`, `max_violation`: spread of the load over experts; not pressed to 0, but kept from collapse.
- `dropped_fraction` is always 0.
- `cross_entropy` is in nats per byte; `bits_per_byte` is the same divided by $\ln 2$.

## Which tokens see each other

None: a token's output in this layer depends on that token alone.

## Where it deviates

- Only feed-forwards have experts; ModuleFormer chooses attention heads in the same way.
- The authors' hidden layer is 256 wide by default; 64 suits the width of this model. Survey A's table gives 0.001 for
  the coefficient; runs of some hundred steps need more to show its work.
- The loss is taken for each layer; the authors' code can also gather the probabilities of layers first.
- The authors' options to sample the last of the $K$ experts, to use cosines, or to balance like Switch are left out.
- Maps of the gate are drawn with variance 1 over the number of inputs, the second with a tenth of that deviation.
  Initial weights of the experts have variance 1 over the number of inputs, those of their outputs 1 / (2 * layers)
  of that.

## What it was checked against

No independent implementation of the layer is installed. The gate and its gradients against torch's `nn.Sequential`,
the loss against entropies of `torch.distributions`, outputs and loss against a plain float64 loop. Then: the loss
is $-\ln N$ for certain tokens evenly spread, 0 for tokens that are all alike, and its gradient is finite at
certainty.

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

The loss falls from near 0 while the entropy falls and the load stays spread: certainty is not bought by collapse,
though the load is far from even. `information_coefficient` 0 takes away both pressures; a large one makes the gate
nearly certain early.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.configs.moduleformer import ModuleFormerConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import token_information_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    Router,
    RoutingContext,
    SparseRouting,
    top_k_routing,
    wide_linear,
)


class ModuleFormerRouter(Router):
    """Top-k of a network with one hidden layer, not renormalised; see the module's docstring."""

    def __init__(self, config: ModuleFormerConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.hidden_HD = nn.Parameter(torch.empty(config.gate_hidden, config.d_model))
        self.hidden_bias_H = nn.Parameter(torch.zeros(config.gate_hidden))
        self.weight_EH = nn.Parameter(torch.empty(config.n_experts, config.gate_hidden))
        nn.init.normal_(self.hidden_HD, std=config.d_model**-0.5)
        nn.init.normal_(self.weight_EH, std=0.1 * config.gate_hidden**-0.5)

    def logits(self, x_TD: Tensor) -> Tensor:
        """Router logits [T, E]."""
        hidden_TH = F.gelu(wide_linear(x_TD, self.hidden_HD, self.hidden_bias_H))
        return wide_linear(F.dropout(hidden_TH, self.config.gate_dropout, self.training), self.weight_EH)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k most probable experts."""
        probability_TE = self.logits(x_TD).softmax(-1)
        weight_TK, expert_TK = probability_TE.topk(self.config.experts_per_token, dim=-1)
        information = token_information_loss(probability_TE)
        losses = {"token_information": AuxiliaryLoss(information, self.config.information_coefficient)}
        return top_k_routing(weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses)


def make_layer(config: ModuleFormerConfig) -> MoELayer:
    """A ModuleFormer layer: gate and SwiGLU experts."""
    return moe_layer(config, ModuleFormerRouter(config))

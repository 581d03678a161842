r"""# gpt-oss: logits first, softmax over the chosen, experts with biases

The open-weight models of August 2025, as far as the code and configuration in which they are released define them:
`GptOssTopKRouter` and `GptOssExperts` of transformers (`models/gpt_oss/modeling_gpt_oss.py`). The order, top-$k$ of
logits and then a softmax, is that of N. Shazeer et al., [arXiv 1701.06538](https://arxiv.org/abs/1701.06538).

## The design

The router is a linear map with a bias. The bias is learned by gradient like any other weight and is part of the
logits: unlike the selection bias of `deepseek-v3` it counts in the weights, too:

$$\ell(x) = W_r x + b_r, \qquad w_i(x) = \frac{\exp(\ell_i)}{\sum_{j\,\in\,\mathcal{T}_k} \exp(\ell_j)}
\quad (i \in \mathcal{T}_k = \text{the } k \text{ largest}), \qquad y = \sum_{i\,\in\,\mathcal{T}_k} w_i(x)\, E_i(x)$$

Experts are gated, with biases everywhere. Large hidden values are clamped, the gate's sigmoid has a gain, and one is
added to the other half, so that an expert is more than zero where that half is near zero:

$$g = \min\big(W_g x + b_g,\ L\big), \qquad u = \mathrm{clamp}\big(W_u x + b_u,\ -L,\ L\big), \qquad
E(x) = W_{\mathrm{out}} \big((u + 1) \odot g \odot \sigma(\gamma\, g)\big) + b_{\mathrm{out}}$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_r$, $b_r$ | router weights and bias | `router.weight_ED`, `router.router_bias_E` |
| $k$ | experts of one token | `experts_per_token` |
| $W_g$ over $W_u$, $b_g$ over $b_u$ | first layer of an expert | `experts.w_in_EID`, `experts.b_in_EI` |
| $W_{\mathrm{out}}$, $b_{\mathrm{out}}$ | second layer | `experts.w_out_EDF`, `experts.b_out_ED` |
| $\gamma$, $L$ | gain and limit | `swiglu_gain`, `swiglu_limit` |

No expert has a capacity. A balancing loss is added in training: $\alpha\, N \sum_i f_i P_i$, as in `mixtral-top2`, with
$f_i$ the tokens that chose expert $i$ divided by all tokens, and $P_i$ the mean of the softmax over all logits.

## What the metrics mean

- `aux_load_balance`: the sum above without $\alpha$, mean over layers; perfect balance is $k$.
- `load_cv`, `max_violation`: spread of the load over experts; 0 is perfect balance.
- `router_entropy`: of the softmax over all logits, in nats; $\ln N$ if the router has no opinion.
- `dropped_fraction`: always 0, there is no capacity.

## Which tokens see each other

None: a token's output in this layer depends on that token alone.

## Where it deviates

- How the models were trained is not told by their code. The configuration of the released 20b model carries
  `router_aux_loss_coef: 0.9`, transformers' default is 0.001; here $\alpha$ is 0.02, this project's choice for short
  runs. The form is that of transformers' `load_balancing_loss_func`, taken layer by layer.
- The router works in float32 at least; transformers' works in the model's type.
- Gate and up are stacked halves of one matrix here, alternate columns there; `load_transformers_block` reorders them.
- Initial biases are zero, weights as in the other designs. Attention, widths and depth are those of the small model
  of this project, and nothing is quantised.
- A biased expert's output is not linear in its activation, so these experts do not run through the fast dispatch.

## What it was checked against

`GptOssMLP` of transformers with its weights taken over: outputs and all gradients, biases included, in float32 and
float64, with inputs that reach the clamps. Outputs against a plain float64 loop. A bias that moves the choice.

## How long, and what to see

A default run takes about two minutes on two cores. The load should be nearly even, and `router_entropy` below
$\ln N$. `balance_coefficient` 0 shows that the bias alone does not balance: it follows the gradient, not the load.
"""

import torch
from torch import Tensor, nn

from reference_impls.configs.gpt_oss import GptOssConfig
from reference_impls.core.biased_experts import ClampedSwiGLUExperts
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    RoutingContext,
    SparseRouting,
    top_k_routing,
    wide_linear,
)


class GptOssRouter(LinearRouter):
    """Top-k of biased logits, softmax over the chosen; see the module's docstring."""

    def __init__(self, config: GptOssConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config
        self.router_bias_E = nn.Parameter(torch.zeros(config.n_experts))

    def logits(self, x_TD: Tensor) -> Tensor:
        """Router logits [T, E], bias included."""
        return wide_linear(x_TD, self.weight_ED, self.router_bias_E)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k experts of largest logit."""
        logit_TE = self.logits(x_TD)
        probability_TE = logit_TE.softmax(-1)
        top_TK, expert_TK = logit_TE.topk(self.config.experts_per_token, dim=-1)
        balance = load_balancing_loss(probability_TE, expert_TK, "per-token")
        losses = {"load_balance": AuxiliaryLoss(balance, self.config.balance_coefficient)}
        return top_k_routing(
            top_TK.softmax(-1), expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses
        )


def make_layer(config: GptOssConfig) -> MoELayer:
    """A gpt-oss layer: router and clamped SwiGLU experts."""
    experts = ClampedSwiGLUExperts(
        config.n_experts, config.d_model, config.d_expert, gain=config.swiglu_gain, limit=config.swiglu_limit,
        output_scale=1 / (2 * config.n_layers),
    )  # fmt: skip
    return MoELayer(GptOssRouter(config), experts)

r"""# AdaMoE: null experts let tokens differ in how many they use

Z. Zeng et al., *AdaMoE: Token-Adaptive Routing with Null Experts for Mixture-of-Experts Language Models*,
[arXiv 2406.13233](https://arxiv.org/abs/2406.13233). Its abstract and the description in survey A were read, and for
weights and loss the authors' code (repository CengZihao/AdaMoE: `mola_lora_hacked.py`, class `Linear_MoE`,
and `load_balancing_loss_func` of `mola_modeling_llama_hacked.py`).

## The design

$M$ experts that do nothing join $N$ true ones, and $K$ is raised. A token that chooses null experts uses fewer true
ones; nothing tells it how many it must:

$$p(x) = \mathrm{softmax}(W_g x) \in \mathbb{R}^{N+M}, \qquad \text{chosen}(x) = \mathrm{Top}_K(p(x)), \qquad
\text{true}(x) = \text{chosen}(x) \cap \{1, \dots, N\}$$

$$y = \sum_{i \in \text{true}(x)} \frac{p_i(x)}{\sum_{j \in \text{true}(x)} p_j(x)}\, E_i(x), \qquad
E_i(x) = W^{(i)}_{\mathrm{down}} \big(\mathrm{silu}(W^{(i)}_{\mathrm{gate}} x) \odot W^{(i)}_{\mathrm{up}} x\big)$$

The weights of the true experts add up to one; a token without any gets $y = 0$. The balancing loss keeps the
*average* use of null experts where it should be, since all experts are to be used alike. It does not care which of
the null experts is used, for they are all the same: each is charged with their mean load.

$$\mathcal{L}_{\mathrm{balance}} = \alpha\, (N + M) \sum_{i=1}^{N+M} \tilde f_i P_i, \qquad
\tilde f_i = \begin{cases} f_i & i \le N\\ \frac{1}{M} \sum_{j > N} f_j & i > N \end{cases}$$

$$f_i = \frac{1}{K T}\sum_{x} \mathbb{1}\{i \in \text{chosen}(x)\}, \qquad P_i = \frac{1}{T}\sum_{x} p_i(x)$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_g$ | router weights, the true experts first | `router.weight_ED` |
| $N$, $M$ | true and null experts | `n_experts`, `null_experts` |
| $K$ | choices of a token, null ones included | `choices_per_token` |
| $T$ | tokens of the batch, padding excluded | |
| $f_i$ | share of the choices; no gradient | |
| $\alpha$ | coefficient of the balancing loss | `balance_coefficient` |

## What the metrics mean

- `true_experts`: true experts of a token on average; $K N / (N + M)$ where all are used alike, less or more where
  not.
- `true_experts_deviation`: standard deviation of that number over tokens. At 0 every token costs the same and the
  design is plain top-k.
- `aux_load_balance`: the sum above without $\alpha$; 1 is perfect balance over all experts.
- `load_cv`, `max_violation`: spread of the load over true experts. `dropped_fraction` is always 0.
- `router_entropy`: of $p(x)$ over all experts, in nats; $\ln (N + M)$ if the router has no opinion.
- `cross_entropy` is in nats per byte; `bits_per_byte` is the same divided by $\ln 2$.

## Which tokens see each other

None: a token's choice, and how many true experts it has, depends on that token alone.

## Where it deviates

- The authors add null experts to trained models and fine-tune; here everything is trained together. So one matrix
  scores all experts, where their code for Mixtral adds a second gate beside the trained one: the same function.
- The loss follows their code for LoRA experts, layer by layer. Their code for Mixtral means the same, but averages
  the last choices of the tokens where it should average null experts.
- Coefficient, numbers of experts and choices are this project's. Half of the experts are null, so that on average two
  of the four choices are true, as with Mixtral. On the clustered task, where nothing by-passes the layer, there are
  fewer null experts than choices, or some points would have no output at all.
- Initial weights of the experts have variance 1 over the number of inputs, those of their outputs
  1 / (2 * layers) of that.

## What it was checked against

No independent implementation is installed. Outputs and loss against a plain float64 loop; without null experts, the
outputs are those of Mixtral's router. Then: weights add up to one or there are none, a token of null experts alone
gets zero, and the loss does not change when null experts trade their loads.

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

Look at `true_experts_deviation`: it tells how differently tokens are treated. `balance_coefficient` 0 sets the
average free, and a token is not punished for using true experts; with more `null_experts` tokens become cheaper.
"""

import torch
from torch import Tensor

from reference_impls.configs.adamoe import AdaMoEConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.pseudo_experts import routing_of_true_choices
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting

SMALLEST_SUM = 1e-20  # keeps the division finite where a token has no true expert, or all underflow


class AdaMoERouter(LinearRouter):
    """Top-k over true and null experts, the true ones' weights scaled to one; see the module's docstring."""

    def __init__(self, config: AdaMoEConfig) -> None:
        super().__init__(config.d_model, config.n_experts + config.null_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to those of its k choices that are true experts."""
        config = self.config
        probability_TX = self.logits(x_TD).softmax(-1)  # X: true experts, then null ones
        top_TK, expert_TK = probability_TX.topk(config.choices_per_token, dim=-1)
        true_TK = top_TK.masked_fill(expert_TK >= config.n_experts, 0.0)
        weight_TK = true_TK / (true_TK.sum(-1, keepdim=True) + SMALLEST_SUM)
        balance = null_expert_balance_loss(probability_TX, expert_TK, config.n_experts)
        return routing_of_true_choices(
            weight_TK,
            expert_TK,
            config.n_experts,
            probability_TX=probability_TX,
            losses={"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)},
        )


def null_expert_balance_loss(probability_TX: Tensor, expert_TK: Tensor, n_experts: int) -> Tensor:
    """Balancing loss over all X experts, those from `n_experts` on each charged with their mean load.

    1 under perfect balance, 0 of no tokens; the gradient flows through the probabilities alone.
    """
    T, X = probability_TX.shape
    share_X = torch.bincount(expert_TK.flatten(), minlength=X).to(probability_TX.dtype) / max(expert_TK.numel(), 1)
    if n_experts < X:  # there are null experts
        share_X[n_experts:] = share_X[n_experts:].mean()
    return X * (share_X * probability_TX.sum(0)).sum() / max(T, 1)


def make_layer(config: AdaMoEConfig) -> MoELayer:
    """An AdaMoE layer: router and true SwiGLU experts; null experts need no module."""
    return moe_layer(config, AdaMoERouter(config))

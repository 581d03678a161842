r"""# LongCat-Flash: experts that return their input

Meituan LongCat Team, *LongCat-Flash Technical Report* (2025). The layer stands on `LongcatFlashMoE` of
transformers, the update of the biases on a published summary of the report (jianyuh.github.io, *LongCat*, December
2025); the report itself was not read. The idea of experts without computation is that of AdaMoE,
[arXiv 2406.13233](https://arxiv.org/abs/2406.13233), with identity in place of nothing.

## The design

$Z$ experts that return their input compete with $N$ true ones. A token chooses $K$ of all; the more of them return
the input, the less it costs:

$$p(x) = \mathrm{softmax}(W_r x) \in \mathbb{R}^{N+Z}, \qquad \text{chosen}(x) = \mathrm{Top}_K\big(p(x) + b\big)$$

$$y = \gamma \sum_{i \in \text{chosen}(x)} p_i(x)\, E_i(x), \qquad
E_i(x) = \begin{cases} W^{(i)}_{\mathrm{down}} \big(\mathrm{silu}(W^{(i)}_{\mathrm{gate}} x) \odot
W^{(i)}_{\mathrm{up}} x\big) & i \le N\\ x & i > N \end{cases}$$

The biases steer the choice alone: they enter no weight and have no gradient. After each step they move in
proportion to what an expert's share of all choices lacks, so that a token uses $K_e$ true experts on average, and
true experts are used alike. (Bias and load form a control loop, hence the report's talk of a PID controller.) The
biases of the zero experts stay at 0: once the true experts have their share, the rest is theirs.

$$b_i \leftarrow b_i + \mu \Big( \frac{K_e}{K} \cdot \frac{1}{N} - \frac{T_i}{K\, T} \Big) \quad \text{for } i \le N$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_r$ | router weights, the true experts first | `router.weight_ED` |
| $b_i$ | selection bias; 0 for zero experts | `router.bias_E` |
| $N$, $Z$ | true and zero-computation experts | `n_experts`, `zero_experts` |
| $K$, $K_e$ | choices of a token; true experts expected among them | `choices_per_token`, `expected_experts` |
| $\gamma$ | factor on the weights | `routed_scale` |
| $\mu$ | update speed | `bias_update_speed` |
| $T$, $T_i$ | tokens of the step, padding excluded, and those that chose expert $i$ | `routing.demand_E` |

## What the metrics mean

- `true_experts`: true experts of a token on average; the biases steer it to $K_e$.
- `true_experts_deviation`: standard deviation of that number over tokens: how differently they are treated.
- `identity_weight`: mean weight with which a token is added to its own output.
- `load_cv`, `max_violation`: spread of the load over true experts; 0 is perfect balance. `dropped_fraction` is 0.
- `router_entropy`: of $p(x)$ over all experts, in nats; $\ln (N + Z)$ if the router has no opinion.
- `cross_entropy` is in nats per byte; `bits_per_byte` is the same divided by $\ln 2$. There is no balancing loss.

## Which tokens see each other

None within a forward pass: choice and cost of a token depend on that token alone. In training the biases carry the
load of earlier batches into later ones; outside training they are fixed.

## Where it deviates

- In the model, the layer reads what an earlier point of its block offers and is added later (a shortcut past a
  second attention); here it stands in an ordinary block. No report was at hand for details of training: that the
  update speed decays, and a balancing loss over groups of devices, are mentioned in summaries without their
  formulas, and left out.
- $\gamma$ is 4 and not 6: with 12 experts instead of 768 the probabilities are larger.
- `bias_update_speed` is this project's choice for runs of some hundred steps.
- The block of transformers reserves input weights for zero experts and never uses them; before
  `load_transformers_block`, `experts.gate_up_proj` must be cut to the true ones.
- Initial weights of the experts have variance 1 over the number of inputs, those of their outputs
  1 / (2 * layers) of that.

## What it was checked against

`LongcatFlashMoE` of transformers with random biases: outputs and all gradients in float32 and float64, with and
without zero experts. Outputs against a plain float64 loop; the step of the biases against the formula, that they
get no gradient, and that they alone lead from any start to the expected number of true experts and to an even load.

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

`true_experts` comes near `expected_experts` as the biases settle, while `true_experts_deviation` stays well above
0. `expected_experts` 1 makes a cheaper model with the same parameters; `bias_update_speed` 0 lets the router spend
as it likes.
"""

from dataclasses import replace

import torch
from torch import Tensor

from reference_impls.configs.longcat_zero import LongCatZeroConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.pseudo_experts import routing_of_true_choices
from reference_impls.core.routing import LinearRouter, Progress, Routing, RoutingContext, SparseRouting


class LongCatZeroRouter(LinearRouter):
    """Biased top-k over true and identity experts; see the module's docstring."""

    bias_E: Tensor

    def __init__(self, config: LongCatZeroConfig) -> None:
        super().__init__(config.d_model, config.n_experts + config.zero_experts)
        self.config = config
        self.register_buffer("bias_E", torch.zeros(self.n_experts))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to those of its k choices that are true experts, and to itself for the others."""
        config = self.config
        probability_TX = self.logits(x_TD).softmax(-1)  # X: true experts, then zero-computation ones
        expert_TK = (probability_TX.detach() + self.bias_E).topk(config.choices_per_token, dim=-1).indices
        weight_TK = config.routed_scale * probability_TX.gather(1, expert_TK)
        identity_T = weight_TK.masked_fill(expert_TK < config.n_experts, 0.0).sum(-1)
        routing = routing_of_true_choices(
            weight_TK,
            expert_TK,
            config.n_experts,
            probability_TX=probability_TX,
            losses={},
            identity_T=identity_T,
        )
        mean = float(identity_T.detach().sum()) / max(len(identity_T), 1)
        return replace(routing, stats={**routing.stats, "identity_weight": mean})

    @torch.no_grad()
    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Move each true expert's bias in proportion to what its share of the choices lacks."""
        if routing.n_tokens == 0:
            return
        config = self.config
        share_E = routing.demand_E.double() / (config.choices_per_token * routing.n_tokens)
        wanted = config.expected_experts / (config.choices_per_token * config.n_experts)
        change_E = config.bias_update_speed * (wanted - share_E)
        self.bias_E[: config.n_experts] += change_E.to(self.bias_E.dtype)


def make_layer(config: LongCatZeroConfig) -> MoELayer:
    """A LongCat-Flash layer: router and true SwiGLU experts; zero experts need no module."""
    return moe_layer(config, LongCatZeroRouter(config))

r"""# DeepSeekMoE: many small experts, and shared ones

D. Dai et al., *DeepSeekMoE: Towards Ultimate Expert Specialization in Mixture-of-Experts Language Models*,
[arXiv 2401.06066](https://arxiv.org/abs/2401.06066), section 3 (read in a text conversion of the paper).

## The design

Each expert of an ordinary mixture is cut into $m$ narrower ones, and $m$ times as many are chosen: the same
parameters and computation, but far more combinations. $K_s$ of the experts are shared: every token passes through
them, they hold what all tokens need, and the router does not know them. The others compete:

$$s_i(x) = \mathrm{softmax}(W_g x)_i, \qquad
g_i(x) = \begin{cases} s_i(x) & \text{if } s_i(x) \text{ is among the } K' \text{ largest}\\
0 & \text{otherwise}\end{cases}$$

$$y = \sum_{j=1}^{K_s} E^{\mathrm{shared}}_j(x) + \sum_{i=1}^{N'} g_i(x)\, E_i(x), \qquad
E(x) = W_{\mathrm{down}} \big(\mathrm{silu}(W_{\mathrm{gate}} x) \odot W_{\mathrm{up}} x\big)$$

The weights are the probabilities as they are: they do not add up to one. Nothing has a capacity.

Two losses balance the load, a weak one over experts against collapse, a strong one over the devices
$\mathcal{E}_1, \dots, \mathcal{E}_V$ that the experts stand on, since only devices have to be equally busy:

$$\mathcal{L} = \alpha_1 \sum_{i=1}^{N'} f_i P_i + \alpha_2 \sum_{d=1}^{V} f'_d P'_d, \qquad
f_i = \frac{N'}{K' T}\sum_{x} \mathbb{1}\{i \in \text{chosen}(x)\}, \qquad P_i = \frac{1}{T}\sum_{x} s_i(x)$$

$$f'_d = \frac{1}{|\mathcal{E}_d|} \sum_{i \in \mathcal{E}_d} f_i, \qquad P'_d = \sum_{i \in \mathcal{E}_d} P_i$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_g$ | the experts' centroids | `router.weight_ED` |
| $N'$, $K'$ | routed experts, and how many of them a token uses | `n_experts`, `experts_per_token` |
| $K_s$ | shared experts | `shared_experts` |
| $V$ | devices; each holds a run of $N' / V$ neighbouring experts | `n_devices` |
| $T$ | tokens of the batch, padding excluded | |
| $f_i$, $f'_d$ | scaled load of an expert, of a device; no gradient | |
| $\alpha_1$, $\alpha_2$ | coefficients | `balance_coefficient`, `device_balance_coefficient` |

## What the metrics mean

- `aux_load_balance`, `aux_device_balance`: the two sums without $\alpha$, mean over layers; 1 is perfect balance. The
  first can stand well above the second: the strong loss does not ask that experts of one device are even.
- `load_cv`, `max_violation`: spread of the load over routed experts; 0 is perfect balance.
- `device_max_violation`: the largest load of a device over the mean load, minus 1.
- `dropped_fraction`: always 0. `router_entropy`: of $s(x)$ in nats; $\ln N'$ if the router has no opinion.
- `cross_entropy` is in nats per byte; `bits_per_byte` is the same divided by $\ln 2$.

## Which tokens see each other

None: a token's output in this layer depends on that token alone, in training and outside.

## Where it deviates

- Experts in every layer, few and small; the first layer is no exception. The ordinary multi-head attention of a
  byte-level model.
- Nothing stands on devices here: they exist in the loss alone.
- The paper writes the losses over $T$ tokens; here $T$ are those of the batch.
- The coefficients are those that the paper gives for its 145B model (0.003 and 0.05).
- Several shared experts are one of their joint width, which is the same function.
- Initial weights of the experts have variance 1 over the number of inputs, those of their outputs
  1 / (2 * layers) of that.

## What it was checked against

`DeepseekV2Moe` of transformers, which is this layer when it chooses greedily and scales by 1: outputs and all
gradients in float32 and float64, for three numbers of experts a token. Outputs and both losses against a plain
float64 loop; that both losses are 1 under perfect balance, and that the device loss does not see how the load is
spread within a device.

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

Devices become even before experts do. With `device_balance_coefficient` 0 the two losses rise and fall together;
with `balance_coefficient` 0 the load within a device is free, and some experts may idle. `shared_experts` 0 gives
all of the width to choice.
"""

from dataclasses import replace

import torch

from reference_impls.configs.deepseekmoe import DeepSeekMoEConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.device_balance import device_balance_loss
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.metrics import max_violation
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing


class DeepSeekMoERouter(LinearRouter):
    """Top-k of a softmax, not renormalised, balanced over experts and devices; see the module's docstring."""

    def __init__(self, config: DeepSeekMoEConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: torch.Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k most probable experts."""
        config = self.config
        probability_TE = self.logits(x_TD).softmax(-1)
        weight_TK, expert_TK = probability_TE.topk(config.experts_per_token, dim=-1)
        balance = load_balancing_loss(probability_TE, expert_TK, "per-assignment")
        between_devices = device_balance_loss(probability_TE, expert_TK, config.n_devices)
        losses = {
            "load_balance": AuxiliaryLoss(balance, config.balance_coefficient),
            "device_balance": AuxiliaryLoss(between_devices, config.device_balance_coefficient),
        }
        routing = top_k_routing(weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses)
        load_V = routing.demand_E.double().view(config.n_devices, -1).sum(1)
        return replace(routing, stats={"device_max_violation": max_violation(load_V)})


def make_layer(config: DeepSeekMoEConfig) -> MoELayer:
    """A DeepSeekMoE layer: router, SwiGLU experts, and the shared experts as one of their joint width."""
    return moe_layer(config, DeepSeekMoERouter(config))

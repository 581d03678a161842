r"""# DeepSeek-V2: experts on few devices

DeepSeek-AI, *DeepSeek-V2: A Strong, Economical, and Efficient Mixture-of-Experts Language Model*,
[arXiv 2405.04434](https://arxiv.org/abs/2405.04434), section 2.2 (read in a text conversion that had lost some
formulas; choice and weights stand on `DeepseekV2TopkRouter` of transformers, the losses on equations 23 to 31).

## The design

The layer of DeepSeekMoE (small experts, shared ones, softmax scores), with a bound on what a token may ask of the
network: experts stand on devices $\mathcal{E}_1, \dots, \mathcal{E}_V$, and a token may use the $M$ devices on which
it finds its best experts.

$$s(x) = \mathrm{softmax}(W_g x), \qquad
\mathcal{M}(x) = \mathrm{Top}_M \Big\{ \max_{i \in \mathcal{E}_d} s_i(x) \Big\}_{d}, \qquad
\text{chosen}(x) = \mathrm{Top}_K \{ s_i(x) : i \in \mathcal{E}_d,\ d \in \mathcal{M}(x) \}$$

$$y = \sum_{j=1}^{K_s} E^{\mathrm{shared}}_j(x) + \gamma \sum_{i \in \text{chosen}(x)} s_i(x)\, E_i(x), \qquad
E(x) = W_{\mathrm{down}} \big(\mathrm{silu}(W_{\mathrm{gate}} x) \odot W_{\mathrm{up}} x\big)$$

The weights are not scaled to add up to one; the constant $\gamma$ makes up for their smallness. Three losses
balance experts, devices, and what each device receives:

$$\mathcal{L} = \alpha_1 \sum_{i=1}^{N} f_i P_i + \alpha_2 \sum_{d=1}^{V} f'_d P'_d
+ \alpha_3 \sum_{d=1}^{V} f''_d P''_d$$

$$f_i = \frac{N}{K T}\sum_{x} \mathbb{1}\{i \in \text{chosen}(x)\}, \quad
P_i = \frac{1}{T}\sum_{x} s_i(x), \quad
f'_d = \frac{1}{|\mathcal{E}_d|} \sum_{i \in \mathcal{E}_d} f_i, \quad P'_d = P''_d = \sum_{i \in \mathcal{E}_d} P_i$$

$$f''_d = \frac{V}{M T} \sum_{x} \mathbb{1}\{x \text{ is sent to } d\}$$

In training each device takes a budget of $c\, K T / V$ assignments, those of largest weight, and drops the rest;
nothing is dropped from some of the sequences, so that the model also knows how to do without drops.

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_g$ | the experts' centroids | `router.weight_ED` |
| $N$, $K$, $K_s$ | routed experts, chosen ones, shared ones | `n_experts`, `experts_per_token`, `shared_experts` |
| $V$, $M$ | devices, and how many of them a token may use | `n_devices`, `top_devices` |
| $\gamma$ | factor on the weights | `routed_scale` |
| $T$ | tokens of the batch, padding excluded | |
| $f$ | loads of experts and devices before dropping; no gradient | |
| $\alpha_1$ | coefficient of the balance between experts | `balance_coefficient` |
| $\alpha_2$ | coefficient of the balance between devices | `device_balance_coefficient` |
| $\alpha_3$ | coefficient of the balance of what devices receive | `communication_balance_coefficient` |
| $c$ | budget of a device over the mean load | `device_capacity_factor` |

## What the metrics mean

- `aux_load_balance`, `aux_device_balance`, `aux_communication_balance`: the three sums without $\alpha$, mean over
  layers. Perfect balance is 1; the third is smaller where tokens use fewer than $M$ devices.
- `devices_per_token`: devices that hold an expert of the token, at most $M$.
- `dropped_fraction`: share of assignments that the devices refused; 0 outside training.
- `load_cv`, `max_violation`: spread of the load over routed experts, before drops; 0 is perfect balance.
- `router_entropy`: of $s(x)$ in nats; $\ln N$ if the router has no opinion.
- `cross_entropy` is in nats per byte; `bits_per_byte` is the same divided by $\ln 2$.

## Which tokens see each other

Outside training none: a token's output in this layer depends on that token alone. In training a token loses an expert
if others on the same device, also later ones, have larger weights, so the training loss is not exactly that of a
causal model; scoring a text is.

## Where it deviates

- Experts in every layer, few and small, on the ordinary multi-head attention of a byte-level model.
- Nothing is sent: devices exist in choice, losses and budgets alone.
- The paper drops "tokens"; here one assignment of a token to an expert is what is dropped, and the budget is
  counted over the batch. The spared sequences are the first of the batch (batches are drawn at random), which makes
  them the same in every layer.
- $\gamma$ is 4 and not 16: with 16 experts instead of 160 the probabilities are larger.
- The losses are taken over the batch; the coefficients are the paper's.
- Initial weights of the experts have variance 1 over the number of inputs, those of their outputs
  1 / (2 * layers) of that.

## What it was checked against

`DeepseekV2Moe` of transformers with `group_limited_greedy`: outputs and all gradients in float32 and float64, for
three shapes of groups. Outputs, all three losses and the drops in training against plain float64 loops. Then: no
token leaves its devices, no device exceeds its budget, and what it keeps is never lighter than what it drops.

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

In training about as much is dropped as devices are uneven, and less from step to step. `device_capacity_factor` 4
ends all drops; `top_devices` 1 keeps each token on one device, which costs choice and saves (in a real cluster)
traffic.
"""

import torch
from torch import Tensor

from reference_impls.configs.deepseek_v2 import DeepSeekV2Config
from reference_impls.core.build import moe_layer
from reference_impls.core.capacity import expert_capacity, fits_capacity
from reference_impls.core.device_balance import communication_balance_loss, device_balance_loss, devices_of
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing


class DeepSeekV2Router(LinearRouter):
    """Top-k of a softmax on each token's best devices; see the module's docstring."""

    def __init__(self, config: DeepSeekV2Config) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k most probable experts on its best devices."""
        config = self.config
        probability_TE = self.logits(x_TD).softmax(-1)
        expert_TK = self._on_best_devices(probability_TE.detach()).topk(config.experts_per_token, dim=-1).indices
        weight_TK = probability_TE.gather(1, expert_TK)
        devices = devices_of(expert_TK, self.n_experts, config.n_devices).sum() / max(len(x_TD), 1)
        routing = top_k_routing(
            config.routed_scale * weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE,
            losses=self._losses(probability_TE, expert_TK), stats={"devices_per_token": float(devices)},
        )  # fmt: skip
        return self._within_budget(routing, context) if self.training else routing

    def _on_best_devices(self, probability_TE: Tensor) -> Tensor:
        """Probabilities, minus one outside the `top_devices` devices that hold each token's best experts."""
        n_devices, top_devices = self.config.n_devices, self.config.top_devices
        size = self.n_experts // n_devices
        probability_TVI = probability_TE.view(len(probability_TE), n_devices, size)  # V: devices, I: experts of one
        best_TM = probability_TVI.amax(-1).topk(top_devices, dim=-1).indices
        barred_TV = torch.ones_like(probability_TVI[..., 0], dtype=torch.bool).scatter(1, best_TM, False)
        limited_TVI = probability_TVI.masked_fill(barred_TV[..., None], -1.0)
        return limited_TVI.view_as(probability_TE)

    def _losses(self, probability_TE: Tensor, expert_TK: Tensor) -> dict[str, AuxiliaryLoss]:
        config = self.config
        of_experts = load_balancing_loss(probability_TE, expert_TK, "per-assignment")
        of_devices = device_balance_loss(probability_TE, expert_TK, config.n_devices)
        of_traffic = communication_balance_loss(probability_TE, expert_TK, config.n_devices, config.top_devices)
        return {
            "load_balance": AuxiliaryLoss(of_experts, config.balance_coefficient),
            "device_balance": AuxiliaryLoss(of_devices, config.device_balance_coefficient),
            "communication_balance": AuxiliaryLoss(of_traffic, config.communication_balance_coefficient),
        }

    def _within_budget(self, routing: SparseRouting, context: RoutingContext) -> SparseRouting:
        """Drop what exceeds the devices' budgets, the lightest first, but nothing of the spared sequences."""
        config = self.config
        device_A = routing.expert_A // (self.n_experts // config.n_devices)
        spared_A = context.sequence_T[routing.token_A] < round(config.spared_sequences * context.n_sequences)
        priority_A = routing.weight_A.detach().masked_fill(spared_A, torch.inf)
        order_A = priority_A.argsort(descending=True, stable=True)
        one_group_A = torch.zeros_like(device_A)
        assignments = torch.tensor([len(device_A)], device=device_A.device)
        budget = expert_capacity(assignments, config.n_devices, config.device_capacity_factor)
        kept_A = spared_A.clone()
        kept_A[order_A] |= fits_capacity(device_A[order_A], one_group_A, budget, config.n_devices)
        return routing.only(kept_A)


def make_layer(config: DeepSeekV2Config) -> MoELayer:
    """A DeepSeek-V2 layer: router, SwiGLU experts, and the shared experts as one of their joint width."""
    return moe_layer(config, DeepSeekV2Router(config))

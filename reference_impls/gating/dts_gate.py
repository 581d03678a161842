r"""# Dense-to-sparse gate: from all experts to one

X. Nie et al., *EvoMoE: An Evolutional Mixture-of-Experts Training Framework via Dense-To-Sparse Gate*,
[arXiv 2112.14397](https://arxiv.org/abs/2112.14397). The gate stands on the authors' public code (`codecaution/EvoMoE`,
`fairseq/modules/moe/topkgate.py` and `top1gate.py`, `fairseq/optim/heat_scheduler/cosine_heat_scheduler.py`).

## The design

A sparse gate that is trained from the start together with its experts has to choose among experts that know nothing.
This gate begins dense and becomes sparse by itself. Its weights are a Gumbel softmax, whose temperature falls:

$$w(x) = \mathrm{softmax}\Big(\frac{\log p(x) + \zeta}{\tau_t}\Big), \qquad p(x) = \mathrm{softmax}(W_g x), \qquad
\zeta_i = -\log(-\log u_i), \quad u_i \sim U(0, 1)$$

$$y = \sum_{i :\, w_i(x) > c} w_i(x)\, E_i(x)$$

$$\tau_t = \tau_{\mathrm{end}} + \tfrac12 (\tau_{\mathrm{start}} - \tau_{\mathrm{end}})
\Big(1 + \cos \frac{\pi t}{t_{\mathrm{all}}}\Big)$$

At a high temperature all weights are alike and every expert passes the threshold $c$: the layer is dense, and every
expert learns from every token. As $\tau$ falls the weights draw apart and experts drop below $c$, token by token, until
one is left. The noise makes that choice a draw from $p$: at $\tau \to 0$ expert $i$ wins with probability $p_i(x)$.
Kept weights are not scaled up. Outside training there is no noise, and the token goes to its best expert alone:

$$y = w_b(x)\, E_b(x), \qquad w(x) = \mathrm{softmax}\Big(\frac{\log p(x)}{\tau_t}\Big), \qquad
b = \mathrm{argmax}_i\, p_i(x)$$

A load-balancing loss is added, $\alpha\, N \sum_i f_i P_i$, with $f_i$ the share of tokens whose largest weight is
that of expert $i$ and $P_i$ its mean weight.

| symbol | meaning | here |
|---|---|---|
| $W_g$, $p$ | router weights, probabilities of the experts | `router.weight_ED`, `logits(x).softmax` |
| $\zeta$ | Gumbel noise, drawn for each token and expert | `gumbel_noise` |
| $\tau_t$ | temperature after $t$ of $t_{\mathrm{all}}$ steps | `router.temperature` |
| $c$ | threshold | `threshold` |
| $w$ | weights of the experts | `weight_TE` |
| $\alpha$ | coefficient | `balance_coefficient` |

## What the metrics mean

- `temperature`: $\tau_t$.
- `experts_per_token`: experts that run for a token, mean over tokens and layers; in training from $N$ down,
  outside it 1.
- `aux_load_balance`: $N \sum f_i P_i$, mean over layers; 1 is perfect balance.
- `load_cv`, `max_violation`: spread of the assignments over experts.
- `router_entropy`: of $w$, in nats: it falls with the temperature even if the router learns nothing.

Validation always goes to one expert, and is bad while training is dense: the curves meet as $\tau$ falls.

## Which tokens see each other

None: weights depend on the token, the temperature and, in training, on chance.

## Where it deviates

- This is the gate. That EvoMoE first trains one expert and grows the others out of it is a scheme of its own.
- The authors' code takes the best expert of a *noisy* softmax outside training as well, and switches to top-1 in
  training at a step given by hand; here evaluation has no noise, and the threshold alone makes training sparse.
- If no weight passes $c$, as may be with more than $1 / c$ experts, the token keeps its best expert.
- Temperatures are this project's, for runs of some hundred steps. The authors' code has the balancing loss in its
  top-1 phase only; here it is there from the start. Nothing has a capacity.

## What it was checked against

`torch.nn.functional.gumbel_softmax` with the same draws: weights and gradients. Float64 loops written from the
equations for training, with the draws laid open, and for evaluation. Then: at the first temperature all experts run,
at a low one the winner follows $p$; the schedule's two ends; the number of experts falls as $\tau$ does.

## How long, and what to see

The first steps are the slowest, for all experts run; `tokens_per_second` rises as `experts_per_token` falls to about
one. A higher `temperature_end` leaves several experts to a token in training, and validation, which takes one, worse.
"""

import math

import torch
from torch import Tensor

from reference_impls.configs.dts_gate import DTSGateConfig
from reference_impls.core.adaptive import masked_routing
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.noise import gumbel_noise
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, Progress, Routing, RoutingContext, SparseRouting


class DTSGate(LinearRouter):
    """Gumbel softmax with a falling temperature and a threshold; see the module's docstring."""

    temperature: Tensor

    def __init__(self, config: DTSGateConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config
        self.register_buffer("temperature", torch.tensor(config.temperature_start, dtype=torch.float64))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Weigh the experts, and keep those above the threshold or, outside training, the best."""
        logit_TE = self.logits(x_TD).log_softmax(-1)
        temperature = float(self.temperature)
        noise_TE = gumbel_noise(logit_TE) if self.training else torch.zeros_like(logit_TE)
        weight_TE = ((logit_TE + noise_TE) / temperature).softmax(-1)
        best_T1 = weight_TE.detach().argmax(-1, keepdim=True)
        kept_TE = torch.zeros_like(weight_TE, dtype=torch.bool).scatter(1, best_T1, True)
        if self.training:
            kept_TE |= weight_TE.detach() > self.config.threshold
        balance = load_balancing_loss(weight_TE, best_T1, "per-assignment")
        return masked_routing(
            weight_TE,
            kept_TE,
            probability_TE=weight_TE,
            losses={"load_balance": AuxiliaryLoss(balance, self.config.balance_coefficient)},
            stats={"temperature": temperature},
        )

    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Lower the temperature along half a cosine."""
        start, end = self.config.temperature_start, self.config.temperature_end
        self.temperature.fill_(end + (start - end) * (1 + math.cos(math.pi * progress.fraction)) / 2)


def make_layer(config: DTSGateConfig) -> MoELayer:
    """A layer of the dense-to-sparse gate and SwiGLU experts."""
    return moe_layer(config, DTSGate(config))

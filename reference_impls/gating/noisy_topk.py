r"""# Noisy top-k: the gate that made mixtures sparse

N. Shazeer et al., *Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer*,
[arXiv 1701.06538](https://arxiv.org/abs/1701.06538): the gate of section 2.1, the losses of section 4 and appendix A.

## The design

Two linear maps of the token give every expert a logit and the deviation of the noise that is added to it in
training. The $k$ best noisy logits are kept, and a softmax over them gives the weights:

$$H(x)_i = (W_g x)_i + \epsilon_i\, \sigma(x)_i, \qquad
\sigma(x)_i = \mathrm{softplus}\big((W_{\mathrm{noise}}\, x)_i\big) + \delta, \qquad \epsilon_i \sim \mathcal{N}(0, 1)$$

$$G(x) = \mathrm{softmax}\big(\mathrm{TopK}(H(x))\big), \qquad y = \sum_{i=1}^{N} G(x)_i\, E_i(x), \qquad
E_i(x) = W^{(i)}_{\mathrm{out}}\,\mathrm{relu}\big(W^{(i)}_{\mathrm{in}} x\big)$$

Two losses keep the gate from favouring a few experts. The first evens what the experts weigh, the second how
many tokens they get. Counts have no gradient, so the second uses the probability that an expert would be chosen
if its own noise were drawn anew and all other noise stayed:

$$\mathcal{L}_{\mathrm{importance}} = w_I\, \mathrm{CV}\Big(\sum_x G(x)\Big)^2, \qquad
\mathcal{L}_{\mathrm{load}} = w_L\, \mathrm{CV}\Big(\sum_x P(x)\Big)^2$$

$$P(x)_i = \Phi\left(\frac{(W_g x)_i - \mathrm{kth\_excluding}(H(x), k, i)}{\sigma(x)_i}\right)$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_g$ | map to the logits; starts at zero | `router.gate.weight_ED` |
| $W_{\mathrm{noise}}$ | map to the noise; starts at zero: first, chance alone decides | `router.gate.noise_ED` |
| $\delta$ | least deviation of the noise | `noise_floor` |
| $N$, $k$ | experts, and experts of one token | `n_experts`, `experts_per_token` |
| kth_excluding$(v, k, i)$ | $k$-th largest component of $v$ without component $i$ | `NoisyLogits.inclusion` |
| $\Phi$ | distribution function of the standard normal | |
| CV | coefficient of variation over experts: population deviation over mean | `squared_cv` |
| $w_I$, $w_L$ | coefficients of the losses | `importance_coefficient`, `load_coefficient` |

## What the metrics mean

- `aux_importance`, `aux_load`: the squared coefficients of variation, without $w_I$ and $w_L$; 0 is perfectly even,
  $N - 1$ is everything on one expert. Outside training there is no noise and `aux_load` is that of the true counts.
- `noise_deviation`: mean of $\sigma(x)_i$, which the gate learns along with its logits; it starts at $\ln 2 + \delta$.
- `load_cv`, `max_violation`: spread of the load over experts; 0 is perfect balance.
- `router_entropy`: of the softmax over all noiseless logits, in nats; $\ln N$ if the gate has no opinion.
- `dropped_fraction`: always 0, there is no capacity.

## Which tokens see each other

None: a token's output depends on that token (and in training on its own noise) alone. Only the losses look at the
batch as a whole.

## Where it deviates

- A decoder-only transformer over bytes stands in for LSTM layers with the mixture between them.
- Experts have no biases, and there is no sigmoid on the output of the layer.
- $\delta = 0.01$ is in the authors' public code (Tensor2Tensor, `utils/expert_utils.py`, `noise_epsilon`), not in
  the equations. As in that code, the gradient of $P$ also flows through the noisy threshold.
- Outside training the code switches noise off, which leaves the load estimate as a count; so do we.
- $w_I = w_L = 0.1$ by default, which Table 1 of the survey by Cai et al. lists for this paper.
- $k = 2$ by default, as in that code.

## What it was checked against

Weights, outputs and both losses against float64 loops over tokens written from the equations, in training (with
the same noise) and outside; the gradient of both losses by finite differences of those loops; $P$ against the
frequency with which redrawn noise brings an expert into the best $k$; an even load at the start. No independent
implementation of this gate was at hand as an oracle.

## How long, and what to see

A default run takes less than two minutes on two cores. In training the load should be close to even from the first
steps to the last; in validation, where no noise blurs the choice, it is less so, most of all while the logits are
small beside the noise. Setting both coefficients to 0 shows the collapse on a few experts that the losses are for;
setting only `load_coefficient` to 0 shows that equal importance does not yet mean equal counts.
"""

from torch import Tensor

from reference_impls.configs.noisy_topk import NoisyTopKConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import squared_cv
from reference_impls.core.noise import NoisyGate
from reference_impls.core.routing import AuxiliaryLoss, Router, RoutingContext, SparseRouting, top_k_routing


class NoisyTopKRouter(Router):
    """Top-k of noisy logits with a loss on importance and one on load; see the module's docstring."""

    def __init__(self, config: NoisyTopKConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.gate = NoisyGate(config.d_model, config.n_experts, config.noise_floor)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k experts of largest noisy logit."""
        config, k = self.config, self.config.experts_per_token
        logits = self.gate(x_TD)
        top_TK, expert_TK = logits.noisy.topk(k, dim=-1)
        weight_TK = top_TK.softmax(-1)

        importance_E = weight_TK.new_zeros(self.n_experts).index_add(0, expert_TK.flatten(), weight_TK.flatten())
        load_E = logits.inclusion(k).sum(0)
        losses = {
            "importance": AuxiliaryLoss(squared_cv(importance_E), config.importance_coefficient),
            "load": AuxiliaryLoss(squared_cv(load_E), config.load_coefficient),
        }
        return top_k_routing(
            weight_TK, expert_TK, self.n_experts, probability_TE=logits.clean.softmax(-1), losses=losses,
            stats={"noise_deviation": logits.mean_deviation},
        )  # fmt: skip


def make_layer(config: NoisyTopKConfig) -> MoELayer:
    """A noisy top-k layer: gate and ReLU experts."""
    return moe_layer(config, NoisyTopKRouter(config))

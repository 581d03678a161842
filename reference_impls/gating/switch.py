r"""# Switch: one expert a token

W. Fedus, B. Zoph, N. Shazeer, *Switch Transformers: Scaling to Trillion Parameter Models with Simple and
Efficient Sparsity*, [arXiv 2101.03961](https://arxiv.org/abs/2101.03961), sections 2.1 to 2.4 and figures
14 to 16 (the routing in pseudocode).

## The design

The router is one linear map. A token goes to the single expert it finds most probable, and the expert's
output is multiplied by that probability, which is how the router gets a gradient although the choice
itself has none:

$$p(x) = \mathrm{softmax}(W_r x), \qquad i^* = \arg\max_i p_i(x), \qquad y = p_{i^*}(x)\, E_{i^*}(x)$$

$$E_i(x) = W^{(i)}_{\mathrm{out}}\,\mathrm{relu}\big(W^{(i)}_{\mathrm{in}} x\big)$$

Each expert takes at most a fixed number of tokens from each routing group. Tokens are served in the order
of the sequence; those that come too late get $y = 0$, so that only the residual connection carries them on:

$$C = \left\lceil \frac{T}{N} \cdot c \right\rceil$$

A loss pushes the router towards an even load, and is added to the model's loss for every Switch layer:

$$\mathcal{L}_{\mathrm{balance}} = \alpha\, N \sum_{i=1}^{N} f_i P_i, \qquad
f_i = \frac{1}{T}\sum_{x} \mathbb{1}\{\arg\max p(x) = i\}, \qquad P_i = \frac{1}{T}\sum_{x} p_i(x)$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_r$ | router weights | `router.weight_ED` |
| $N$ | experts | `n_experts` |
| $T$ | tokens of a routing group, padding excluded | |
| $c$ | capacity factor, in training and outside | `capacity_factor_train`, `capacity_factor_eval` |
| $C$ | most tokens that an expert takes from a group | `expert_capacity` |
| $f_i$ | share of tokens whose first choice is expert $i$, before capacity; no gradient | |
| $P_i$ | mean router probability of expert $i$; carries the gradient | |
| $\alpha$ | coefficient of the balancing loss | `balance_coefficient` |

In training the router sees its input multiplied by noise that is uniform in $[1-\epsilon, 1+\epsilon]$
(`jitter`). Router arithmetic is in float32 even if the model is not (the paper's selective precision).
Initial weights are drawn with the variance $s/n$ that the paper recommends for stability, with $s = 0.1$
(`initial_scale`) and $n$ the number of inputs. An optional router z-loss, off by default, is
$\mathcal{L}_z = \frac{1}{T}\sum_x \big(\log\sum_i e^{(W_r x)_i}\big)^2$.

## What the metrics mean

- `cross_entropy`: nats per byte of text; `bits_per_byte` is the same divided by $\ln 2$. `loss` adds the
  weighted auxiliary losses.
- `aux_load_balance`: the sum above without $\alpha$, mean over Switch layers. 1 is perfect balance (with
  uniform $f$ or $P$), $N$ is everything to one expert with certainty.
- `load_cv`, `max_violation`: spread of the load over experts, counted before capacity; 0 is perfect balance.
- `dropped_fraction`: share of tokens refused by a full expert.
- `router_entropy`: nats; $\ln N$ if the router has no opinion, 0 if it is certain.

## Which tokens see each other

Capacity lets tokens of a group influence each other, which nothing else in the layer does.
`test_causality.py` shows each of these:

- Within a group, a token can be dropped only because of tokens *before* it. With `routing_group: sequence`
  the whole model is therefore causal: changing later bytes of equal number never changes earlier logits.
  Sequences of a batch do not influence each other at all.
- With `routing_group: batch`, the group is the flattened batch: a sequence can be changed by any byte,
  also a later one, of the sequences before it in the batch, never by those after it.
- The capacity follows from the number of tokens in the group. Cutting a sequence short lowers $C$ and can
  drop tokens that the full sequence kept; so logits while generating a text byte by byte can differ from
  those of scoring it at once.
- Padding counts for nothing: it is not routed, takes no capacity and enters no loss.

## Where it deviates

- A decoder-only byte-level language model stands in for the paper's T5 with masked-word pre-training.
- The paper's pseudocode prints the noise as *added* to the logits (uniform around 1). The authors'
  published configuration multiplies the router's input instead (`switch_policy_train = "input_jitter"`,
  `switch_jitter = 1e-2`), as transformers does; so do we, in training only (theirs also at evaluation).
- The pseudocode keeps positions `cumsum < C` counted from one, which leaves $C - 1$ places; we fill all $C$.
- The group is a sequence (or the batch) instead of the tokens of one accelerator core.
- $C$ is rounded up; the paper does not say; the authors' early public code rounds down.
- The small initial scale is applied to the router and the experts; the rest of the model is initialised as
  other decoder-only models are. No expert dropout: the paper uses it in fine-tuning.
- The router z-loss is not of this paper; it is here because the transformers implementation has it.

## What it was checked against

`SwitchTransformersSparseMLP`, `SwitchTransformersTop1Router`, `load_balancing_loss_func` and
`router_z_loss_func` of transformers: outputs and all gradients in float32 and float64, with and without
overflow, and both losses (`checks/switch.py`). Then properties: capacity never exceeded, causality,
no influence of padding, finite under extreme logits, the fast dispatch equal to the readable loop.

## How long, and what to see

A default run reads 491,520 bytes of text with 1.5 million parameters, of which a byte uses 0.6 million; it takes less than two
minutes on two cores. A run of twice as many steps (`steps: 480`), with seed 0 under Python 3.11, where byte
frequencies alone reach 5.05 bits per byte, ended near these values in validation:

- 2.26 bits per byte, from 3.17 after a quarter of the reading;
- a balancing loss of 1.04, `load_cv` 0.17 and `max_violation` 0.24: nearly even, from 0.69 and 1.73 after a quarter;
  in the first steps a third of the tokens or more are dropped;
- 0.4 % of tokens dropped with the evaluation's factor 2. In training, with 1.25, some 6 % are still dropped:
  the groups are short sequences of similar bytes, more uneven than the large batches of the paper, which
  reports typically under 1 %;
- a router entropy of 1.71 nats, down from $\ln 8 = 2.08$: opinions, but no certainties.

Setting `balance_coefficient` to 0 shows what the loss is for, and `capacity_factor_train` what dropping costs.
Another seed or Python version moves the last digits.
"""

import torch
from torch import Tensor

from reference_impls.configs.switch import SwitchTop1Config
from reference_impls.core.build import moe_layer
from reference_impls.core.capacity import within_capacity
from reference_impls.core.experts import draw
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss, router_z_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing, wide


class SwitchTop1Router(LinearRouter):
    """Top-1 routing with capacity, the choice's probability as weight; see the module's docstring."""

    def __init__(self, config: SwitchTop1Config) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its most probable expert while the expert has room."""
        config = self.config
        logit_TE = self.logits(self._jittered(x_TD) if self.training else x_TD)
        probability_TE = logit_TE.softmax(-1)
        weight_T1, expert_T1 = probability_TE.max(-1, keepdim=True)

        group_T, n_groups = context.groups(config.routing_group)
        balance = load_balancing_loss(probability_TE, expert_T1, "per-token", group_T, n_groups)
        losses = {"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)}
        if config.z_coefficient > 0:
            losses["router_z"] = AuxiliaryLoss(router_z_loss(logit_TE), config.z_coefficient)
        routing = top_k_routing(weight_T1, expert_T1, self.n_experts, probability_TE=probability_TE, losses=losses)
        return within_capacity(routing, group_T, n_groups, config.capacity_factor(self.training))

    def _jittered(self, x_TD: Tensor) -> Tensor:
        jitter = self.config.jitter
        if jitter == 0:
            return x_TD
        # In the router's precision: bfloat16 has no number between 1 and 1.0078.
        wide_TD = wide(x_TD)
        return wide_TD * torch.empty_like(wide_TD).uniform_(1 - jitter, 1 + jitter)


def make_layer(config: SwitchTop1Config) -> MoELayer:
    """A Switch layer: router and ReLU experts, initialised as the paper recommends."""
    layer = moe_layer(config, SwitchTop1Router(config))
    for weight in layer.parameters():
        draw(weight, config.initial_scale)
    return layer

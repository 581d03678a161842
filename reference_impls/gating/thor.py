r"""# THOR: random experts that learn to agree

S. Zuo et al., *Taming Sparsely Activated Transformer with Stochastic Experts*,
[arXiv 2110.04260](https://arxiv.org/abs/2110.04260). The details are those of the authors' public code
(microsoft/Stochastic-Mixture-of-Experts: `thor/transformer_thor_layer.py`, `thor/translation_thor.py`).

## The design

No router: in each layer the expert is drawn by chance, all being equally likely, in training as at inference. A draw
$e$ serves a whole sequence in training, a single token outside (`draw_train`, `draw_eval`):

$$y_t = E_e(x_t), \qquad e \sim \mathrm{Uniform}\{1, \dots, N\}$$

In training each batch passes through the whole model twice, with two independent draws in every layer. Both
predictions learn from the targets, and from each other:

$$\mathcal{L} = \mathrm{CE}(p_1; u) + \mathrm{CE}(p_2; u) + \alpha\, \mathrm{CR}, \qquad
\mathrm{CR} = \tfrac{1}{2}\big(\mathrm{KL}(p_1 \Vert p_2) + \mathrm{KL}(p_2 \Vert p_1)\big)
= \tfrac{1}{2} \sum_{c} (p_{1,c} - p_{2,c})(\log p_{1,c} - \log p_{2,c})$$

(mean over positions). The experts so become interchangeable, each a teacher of the others, and it does no harm that
chance chooses.

| symbol | meaning | here |
|---|---|---|
| $x_t$ | a token's vector, after the layer's norm | `x_TD` |
| $e$, $N$ | the drawn expert, and how many there are | `n_experts` |
| $p_1, p_2$ | predictions of the two passes | |
| $u$ | what is to be predicted | |
| $c$ | class: a byte, or a label of the clustered task | |
| $\alpha$ | weight of the consistency | `consistency_coefficient` |

## What the metrics mean

- `cross_entropy`: in training of the first pass, in nats; at validation of the only pass. `bits_per_byte` is the same
  divided by $\ln 2$.
- `aux_second_pass`: cross-entropy of the second pass, in training. Its weight in `loss` is 1, so `loss` starts at about
  twice that of other designs.
- `aux_consistency`: CR, in nats, without $\alpha$. 0: the two passes predict the same.
- `load_cv`, `max_violation`: spread of the load: near 0, as the draw is uniform, the nearer the more draws.
- `router_entropy`: $\ln N$, of the uniform distribution.
- `information`: mutual information of expert and domain: near 0, since chance knows nothing of domains. With few draws
  it is above 0 by chance.
- `dropped_fraction`: always 0.

## Which tokens see each other

None: the draw looks at nothing. But two runs of the same text differ, by the draws; and scoring byte by byte draws
other experts than scoring at once.

## Where it deviates

- In training each sequence draws for itself, as the paper has it for each input; the authors' code draws one expert a
  layer and pass for the whole batch, which spares the dispatch: `draw_train: batch`.
- At inference the code draws for each token or for each sentence; a token is its default and ours. It computes all
  experts and masks; here only the drawn one is computed, which is the same.
- The code has experts in every other layer, here every layer; `moe_every: 2` is the code's.
- The code adds label smoothing, and sums over tokens where this page takes means; the weight of the consistency
  against the cross-entropy is the same.
- A decoder-only byte-level language model stands in for the paper's translation models. No biases in the experts.

## What it was checked against

A plain float64 loop with the same draws, for the three units of drawing. The consistency against
`scipy.stats.entropy`, and the whole training loss against the sum of its parts, with two passes run by hand.
Properties: draws are uniform and the two passes independent, equal experts make the consistency 0, the gradient of
the consistency reaches both passes. No independent library does this.

The clustered task is no test that this design could pass, and it makes no claim there. The experts of that task are
too narrow to hold the rules of all clusters, so that beating a dense layer of an expert's width takes a router that
tells clusters apart. Chance does not: every expert meets all clusters, and the consistency makes it do what the
others do. The checks train design and dense layer and measure that chance neither finds the clusters nor gains on the
dense layer.

## How long, and what to see

Two passes make a step about twice as dear as that of a dense model of an expert's width. `aux_consistency` is small
where the experts have come to agree; with `consistency_coefficient` 0 it stays larger, and the cross-entropy at
validation, whose draws the model never saw together, shows what agreement was worth. `draw_eval: sequence` keeps one
expert a layer for a whole text.
"""

import math
from typing import Any

import torch
from torch import Tensor

from reference_impls.configs.thor import DrawUnit, ThorConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import AuxiliaryLoss, Router, RoutingContext, SparseRouting, wide
from reference_impls.tasks.base import Forward, Task


class ThorRouter(Router):
    """Draws experts; see the module's docstring."""

    def __init__(self, config: ThorConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Send each token to the expert that its unit has drawn."""
        unit_T, n_units = _units(context, self.config.draw_train if self.training else self.config.draw_eval)
        drawn_U = torch.randint(self.n_experts, (n_units,), device=x_TD.device)
        expert_T, T = drawn_U[unit_T], len(x_TD)
        one = wide(x_TD.new_ones(()))
        return SparseRouting(
            token_A=torch.arange(T, device=x_TD.device),
            expert_A=expert_T,
            weight_A=one.expand(T),
            demand_E=torch.bincount(expert_T, minlength=self.n_experts),
            entropy=one * math.log(self.n_experts),
            n_tokens=T,
        )


def _units(context: RoutingContext, kind: DrawUnit) -> tuple[Tensor, int]:
    """Which draw is each token's, and how many draws there are."""
    if kind == "token":
        T = len(context.sequence_T)
        return torch.arange(T, device=context.sequence_T.device), T
    return context.groups(kind)


def make_layer(config: ThorConfig) -> MoELayer:
    """A layer of experts drawn by chance."""
    return moe_layer(config, ThorRouter(config))


def run_model(task: Task, batch: Any) -> Forward:
    """In training two passes with draws of their own, and how far they disagree; otherwise one."""
    config = task.config
    assert isinstance(config, ThorConfig)
    first = task.forward(batch)
    if not task.model.training:
        return first
    second = task.forward(batch)
    second_loss, _ = task.score(batch, second.output)
    losses = {
        "second_pass": AuxiliaryLoss(second_loss, 1.0),
        "consistency": AuxiliaryLoss(disagreement(first.output, second.output), config.consistency_coefficient),
    }
    return Forward(first.output, first.infos, losses)


def disagreement(first: Tensor, second: Tensor) -> Tensor:
    """Symmetric Kullback-Leibler divergence of two predictions, mean over positions, from logits [..., C]."""
    log_p, log_q = wide(first).log_softmax(-1), wide(second).log_softmax(-1)
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(-1).mean() / 2

r"""# StableMoE: first learn where tokens go, then leave them there

D. Dai et al., *StableMoE: Stable Routing Strategy for Mixture of Experts*,
[arXiv 2204.08396](https://arxiv.org/abs/2204.08396). Abstract and introduction were read; everything else stands on
the authors' code (repository Hunter-DDM/stablemoe: `fairseq/modules/moe_layer.py`, class `BaseLayer`, the criterion
`xentropy_with_aux_loss.py`, and the example command of `README.md`) and on survey A.

## The design

Gates go on changing their mind about the same token while they are trained, and what one expert learnt of it is
lost to the next. StableMoE trains in two stages. In the first, a token goes to the expert whose centroid fits it
best:

$$i^*(x) = \arg\max_i\, x^\top e_i, \qquad y = \sigma(x^\top e_{i^*})\, E_{i^*}(x), \qquad
E_i(x) = W^{(i)}_{\mathrm{out}}\, \mathrm{relu}\big(W^{(i)}_{\mathrm{in}} x\big)$$

Two losses join that of the task. One moves tokens away from experts that have more than their share, the other
teaches a second gate, which sees nothing but *what* the token is ($w$: the word), to make the same choice:

$$\mathcal{L} = \frac{\alpha}{T} \sum_{i=1}^{N} \frac{n_i - \bar n}{\bar n} \sum_{x:\, i^*(x) = i} \sigma(x^\top e_i)
\; - \; \frac{\eta}{T} \sum_{x} \log \mathrm{softmax}\big(\hat E\, D(w)\big)_{i^*(x)}$$

In the second stage, and always outside training, the second gate chooses. It is frozen, so that a word never
changes its expert again; both losses end. The weight remains that of the centroids, which go on learning:

$$i^*(x) = \arg\max_i\, \hat e_i^\top D(w), \qquad y = \sigma(x^\top e_{i^*})\, E_{i^*}(x)$$

Tokens that come after an expert has its $C = \lceil c\, T / N \rceil$ get $y = 0$.

| symbol | meaning | here |
|---|---|---|
| $x$, $w$ | a token's vector after the layer's norm, and what it is | `x_TD`, `token_id` |
| $e_i$ | centroid of expert $i$ | `router.weight_ED` |
| $D$ | embedding of the distilled gate | `router.embedding_WH` |
| $\hat E$, $\hat e_i$ | its centroids | `router.distilled_EH` |
| $N$, $T$ | experts; tokens of a routing group, padding excluded | `n_experts` |
| $n_i$, $\bar n$ | tokens that chose expert $i$ (no gradient), and $T / N$ | |
| $\sigma$ | sigmoid | |
| $\alpha$, $\eta$ | coefficients | `balance_coefficient`, `distillation_coefficient` |
| $c$ | capacity factor | `capacity_factor_train`, `capacity_factor_eval` |

Stage one lasts for the share `first_stage` of the steps; the stage is part of a checkpoint.

## What the metrics mean

- `second_stage`: 0 or 1.
- `agreement`: share of tokens for which both gates choose the same expert. In stage two it may fall: the centroids
  are no longer taught to choose.
- `aux_load_balance`: the first loss without $\alpha$; 0 is an even load, more is less even.
- `aux_distillation`: the second without $\eta$, in nats. In stage two both go on being measured, without weight.
- `load_cv`, `max_violation`, `dropped_fraction`: of the gate that chooses; in validation that is the distilled one.
- `router_entropy`: of the softmax over the scores of that gate, in nats.
- `cross_entropy` is in nats per byte; `bits_per_byte` is the same divided by $\ln 2$.

## Which tokens see each other

Through capacity alone, in the order of the group: with `routing_group: sequence` a token is dropped only because of
tokens before it, and the layer is causal. With `routing_group: batch` the sequences before it count, too.

## Where it deviates

- The authors' expert is a block of its own, $x + \mathrm{FFN}(\mathrm{norm}(x))$, mixed with $x$ by $\sigma$: that is
  $x + \sigma\, \mathrm{FFN}(\mathrm{norm}(x))$. Norm and residual are those of the transformer here, which gives the
  same form.
- Their layer stands alone between others with one expert for each device and the tokens of all devices as its group;
  here it replaces each feed-forward. The width of the experts and `first_stage` (theirs is 6000 of 60,000 steps) are
  this project's.
- Their other gates of stage two (two words, a convolution, a small transformer) and other balancing losses are left
  out.
- Losses are per token, as theirs are after division by the number of tokens. Losses are taken over the batch.
- Tokens are bytes. A frozen map of 256 bytes to experts is a poorer thing than one of many thousand words.
- Embedding and both centroids are drawn with a deviation of 0.02; theirs are orthogonal with a gain of 0.1.

## What it was checked against

No independent implementation is installed. Outputs, drops and both losses of stage one, and outputs and drops of
stage two, against plain float64 loops. Then: in stage two the distilled gate gets no gradient and no optimiser
moves it, and a word's expert does not depend on the token's vector.

## How long, and what to see

A default run reads 491,520 bytes of text, by estimate in under two minutes on two idle cores.

In stage one `agreement` rises as far as what a byte is tells where the gate sends it; `aux_distillation` falls. In
stage two the load in validation does not move at all any more, and it is no longer pressed to be even. At the
change of stages the training loss may jump by what the two gates disagree about. `first_stage` 1 never freezes,
`first_stage` 0 freezes a random map at once.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.configs.stablemoe import StableMoEConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.capacity import within_capacity
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    Progress,
    Routing,
    RoutingContext,
    SparseRouting,
    top_k_routing,
    wide_linear,
)
from reference_impls.core.rules import look_up


class StableMoERouter(LinearRouter):
    """A learned gate, and one distilled from it that takes over; see the module's docstring."""

    second_stage: Tensor

    def __init__(self, config: StableMoEConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config
        self.embedding_WH = nn.Parameter(torch.empty(config.vocabulary, config.routing_width))  # W: words
        self.distilled_EH = nn.Parameter(torch.empty(config.n_experts, config.routing_width))
        nn.init.normal_(self.embedding_WH, std=0.02)
        nn.init.normal_(self.distilled_EH, std=0.02)
        self.register_buffer("second_stage", torch.tensor(config.first_stage == 0))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to one expert, by the learned gate in training's first stage, else by the distilled one."""
        config = self.config
        frozen = bool(self.second_stage)
        logit_TE = self.logits(x_TD)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            distilled_TE = wide_linear(look_up(self.embedding_WH, context.need("token_id")), self.distilled_EH)
        learned_T = logit_TE.argmax(-1)
        chooser_TE = logit_TE if self.training and not frozen else distilled_TE
        expert_T1 = chooser_TE.argmax(-1, keepdim=True)

        group_T, n_groups = context.groups(config.routing_group)
        routing = top_k_routing(
            logit_TE.gather(1, expert_T1).sigmoid(),
            expert_T1,
            self.n_experts,
            probability_TE=chooser_TE.softmax(-1),
            losses=self._losses(logit_TE, distilled_TE, learned_T, frozen),
            stats={
                "second_stage": float(frozen),
                "agreement": float((learned_T == distilled_TE.argmax(-1)).sum()) / max(len(x_TD), 1),
            },
        )
        return within_capacity(routing, group_T, n_groups, config.capacity_factor(self.training))

    @torch.no_grad()
    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Freeze the distilled gate once the first stage is over."""
        self.second_stage |= progress.fraction >= self.config.first_stage

    def _losses(
        self, logit_TE: Tensor, distilled_TE: Tensor, learned_T: Tensor, frozen: bool
    ) -> dict[str, AuxiliaryLoss]:
        """Both losses of stage one; in stage two they are measured, without weight and gradient."""
        T = max(len(learned_T), 1)
        values = (
            balance_loss(logit_TE, learned_T),
            F.cross_entropy(distilled_TE, learned_T, reduction="sum") / T,
        )
        coefficients = (self.config.balance_coefficient, self.config.distillation_coefficient)
        if frozen:
            values, coefficients = (values[0].detach(), values[1].detach()), (0.0, 0.0)
        names = ("load_balance", "distillation")
        return {n: AuxiliaryLoss(v, c) for n, v, c in zip(names, values, coefficients, strict=True)}


def balance_loss(logit_TE: Tensor, expert_T: Tensor) -> Tensor:
    """Mean over tokens of the sigmoid of the chosen logit, times by how much the expert exceeds the mean load.

    0 under perfect balance and of no tokens; the gradient flows through the sigmoids.
    """
    T, E = logit_TE.shape
    load_E = torch.bincount(expert_T, minlength=E).to(logit_TE.dtype)
    excess_E = load_E * E / max(T, 1) - 1
    score_T = logit_TE.gather(1, expert_T[:, None])[:, 0].sigmoid()
    return (excess_E[expert_T] * score_T).sum() / max(T, 1)


def make_layer(config: StableMoEConfig) -> MoELayer:
    """A StableMoE layer: both gates and ReLU experts."""
    return moe_layer(config, StableMoERouter(config))

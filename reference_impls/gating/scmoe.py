r"""# Self-contrast: what the unchosen experts would have said

C. Shi et al., *Unchosen Experts Can Contribute Too: Unleashing MoE Models' Power by Self-Contrast*,
[arXiv 2405.14507](https://arxiv.org/abs/2405.14507). The details are those of the authors' public code
(DavidFanzz/SCMoE: `decodingmethod/moe_utils.py`, `modeling_models/Mixtral/modeling_mixtral.py`, `README.md`).

## The design

Nothing is added to the model and nothing is trained differently: the layers are Mixtral's (see `mixtral-top2`). At
inference the whole model is run twice. The strong run sends each token to its $K$ best experts, as in training. The
weak run sends it, in every layer, to the one expert of rank $r$, which by default is none of the chosen:

$$y_{\mathrm{strong}} = \sum_{i \in \mathrm{top}K(\ell)} G(x)_i\, E_i(x), \qquad
y_{\mathrm{weak}} = E_{(r)}(x), \qquad \ell = W_g x$$

What the strong run prefers more than the weak one is amplified, among the classes $c$ that the strong run finds
plausible at all:

$$z_c = (1 + \beta)\, z^{\mathrm{strong}}_c - \beta\, z^{\mathrm{weak}}_c \quad \text{for } c \in V, \qquad
V = \{c : z^{\mathrm{strong}}_c \ge \log \alpha + \max\nolimits_j z^{\mathrm{strong}}_j\}$$

The paper gives all other classes $-\infty$. That serves for choosing the next token; a text that contains a class
outside $V$ once would have probability zero, and no bits per byte. Here the classes outside keep what the strong run
gives them, and those inside share out the rest by $z$:

$$p(c) = \begin{cases} p_{\mathrm{strong}}(V)\; \mathrm{softmax}_V(z)_c & c \in V \\
p_{\mathrm{strong}}(c) & c \notin V \end{cases}$$

The likeliest class is the same by both: each class of $V$ had at least $\alpha$ of the strong run's best probability,
so their mean has, and however they share out their sum, the largest part is no smaller than the mean. No class outside
has that much.

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_g$, $G$, $K$ | router weights, softmax over the chosen, experts of a token | see `mixtral-top2` |
| $r$, $E_{(r)}$ | rank by router logit, and the expert of that rank for $x$ | `weak_rank` |
| $z^{\mathrm{strong}}, z^{\mathrm{weak}}$ | logits of the two runs of the model | |
| $\beta$ | strength of the contrast | `contrast` |
| $\alpha$ | cut-off of the implausible | `plausible` |

## What the metrics mean

- `cross_entropy`: at validation of $p$ above, in training of the strong run, in nats; `bits_per_byte` is the same
  divided by $\ln 2$. `loss` adds the weighted balancing loss.
- `aux_strong_run`, `aux_weak_run`: at validation, the cross-entropy of either run alone; weight 0 in `loss`. The
  contrast helps if `cross_entropy` is below `aux_strong_run`.
- `aux_load_balance`, `load_cv`, `max_violation`, `router_entropy`, `information`: of the strong run, as for
  `mixtral-top2`.
- `dropped_fraction`: always 0.

## Which tokens see each other

None in the layer, in either run; and the contrast at a position uses the two predictions at that position. Changing
later bytes never changes earlier predictions.

## Where it deviates

- What is implausible keeps the strong run's probability, see above.
- The paper contrasts released models (Mixtral 8x7B, DeepSeekMoE) and measures answers to questions and programs;
  here a small model is trained first, and what is measured is how well it predicts.
- The weak run is one expert of a fixed rank. The code can also take the best few, or a random one. The default rank
  is that of the code's example for Mixtral (index 2, counted from 0).
- The code's temperatures of the two runs are 1 here.
- The layers are this project's Mixtral layers with their balancing loss.

## What it was checked against

`MixtralSparseMoeBlock` of transformers for the strong run: outputs and all gradients, float32 and float64; and the
same block with one expert a token for the weak run of rank 1. The weak run of any rank, and the contrast, by plain
float64 loops. Properties: predictions add up to one, the likeliest class is that of the paper's rule, without contrast
or with one plausible class the strong run remains, training is not touched, and later tokens change nothing.

## How long, and what to see

Training takes as long as that of `mixtral-top2`, validation twice as long. `aux_weak_run` shows how much worse an
unchosen expert is. Whether the contrast lowers the cross-entropy is another matter than whether it chooses better
tokens, which is what the paper claims: sharper predictions gain where the model was right and lose where it was
wrong. `contrast` 0 is Mixtral; large values show the overshooting.

On the clustered task the design finds the clusters, as Mixtral does, and beats the dense layer, but the contrast costs
accuracy: nothing by-passes the layer there, so an unchosen expert knows nothing of the point, and what is subtracted
is noise. In a language model the residual stream by-passes the experts, and the weak run still predicts something.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from reference_impls.configs.scmoe import ScmoeConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import AuxiliaryLoss, RoutingContext, SparseRouting, top_k_routing, wide
from reference_impls.gating.mixtral import MixtralTop2Router
from reference_impls.tasks.base import Forward, Task


class ScmoeRouter(MixtralTop2Router):
    """Mixtral's routing, or while `weak` the expert of one rank; see the module's docstring."""

    config: ScmoeConfig
    weak = False

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k best experts, or to the one of the weak run."""
        if not self.weak:
            return super().forward(x_TD, context)
        logit_TE = self.logits(x_TD)
        expert_T1 = logit_TE.topk(self.config.weak_rank, dim=-1).indices[:, -1:]
        weight_T1 = torch.ones_like(expert_T1, dtype=logit_TE.dtype)
        return top_k_routing(weight_T1, expert_T1, self.n_experts, probability_TE=logit_TE.softmax(-1))


def make_layer(config: ScmoeConfig) -> MoELayer:
    """A Mixtral layer that can be run weakly."""
    return moe_layer(config, ScmoeRouter(config))


@contextmanager
def weakened(model: nn.Module) -> Iterator[None]:
    """Within, all routers of the model choose weakly."""
    routers = [module for module in model.modules() if isinstance(module, ScmoeRouter)]
    for router in routers:
        router.weak = True
    try:
        yield
    finally:
        for router in routers:
            router.weak = False


def run_model(task: Task, batch: Any) -> Forward:
    """In training the model as it is, otherwise the contrast of its two runs."""
    config = task.config
    assert isinstance(config, ScmoeConfig)
    strong = task.forward(batch)
    if task.model.training:
        return strong
    with weakened(task.model):
        weak = task.forward(batch).output
    losses = {
        "strong_run": AuxiliaryLoss(task.score(batch, strong.output)[0], 0.0),
        "weak_run": AuxiliaryLoss(task.score(batch, weak)[0], 0.0),
    }
    return Forward(self_contrast(strong.output, weak, config.contrast, config.plausible), strong.infos, losses)


def self_contrast(strong: Tensor, weak: Tensor, contrast: float, plausible: float) -> Tensor:
    """Log-probabilities [..., C] of the contrast of two predictions, given their logits."""
    strong, weak = wide(strong), wide(weak)
    log_p = strong.log_softmax(-1)
    kept = strong >= strong.max(-1, keepdim=True).values + torch.tensor(plausible, dtype=strong.dtype).log()
    contrasted = ((1 + contrast) * strong - contrast * weak).masked_fill(~kept, -torch.inf)
    mass = log_p.masked_fill(~kept, -torch.inf).logsumexp(-1, keepdim=True)
    return torch.where(kept, mass + contrasted.log_softmax(-1), log_p)

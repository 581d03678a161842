r"""# Lory: merged experts for text, segment by segment

Z. Zhong, M. Xia, D. Chen, M. Lewis, *Lory: Fully Differentiable Mixture-of-Experts for Autoregressive Language Model
Pre-training*, [arXiv 2405.03133](https://arxiv.org/abs/2405.03133), sections 2.2 and 3.1.

## The design

SMEAR averages the weights of all experts into one for a whole sequence, looking at the whole sequence: no way to
predict the next word. Lory cuts the sequence into segments $S_1, S_2, \dots$ and merges the expert of a segment by
what was said in the one before:

$$\bar h_k = \frac{1}{|S_k|} \sum_{x \in S_k} h_x, \qquad e^{(k)} = \mathrm{softmax}\big(W_r\, \bar h_{k-1}\big)
\quad (k > 1)$$

$$o_x = \mathrm{FFN}\Big(h_x;\ \sum_{i=1}^{E} e^{(k)}_i\, \theta_i\Big), \qquad x \in S_k$$

The first segment has none before it: here all experts count alike for it (the paper decides otherwise, see below).

| symbol | meaning | here |
|---|---|---|
| $h_x$ | a token's vector, after the layer's norm | `x_TD` |
| $\lvert S_k\rvert$ | tokens of a segment | `segment_length` (the last may be shorter) |
| $W_r$ | router weights | `router.weight_ED` |
| $e^{(k)}$ | weights of the experts for segment $k$ | `weight_GE` |
| $\theta_i$ | all weights of expert $i$ | `experts` |
| $E$ | experts | `n_experts` |

One expert is computed a token, plus one merge of all experts a segment. Everything is smooth, and there is no
balancing loss: the paper needs none.

## What the metrics mean

- `cross_entropy`: nats per byte of text; `bits_per_byte` is the same divided by $\ln 2$. `loss` adds nothing.
- `router_entropy`: of $e^{(k)}$ in nats, by token; $\ln E$ is the plain average of all experts.
- `load_cv`, `max_violation`: spread over experts of the weights that tokens got. `dropped_fraction`: always 0.
- `information`: between domain (or cluster) and the experts that its segments were merged from.

## Which tokens see each other

Through the router a token sees the whole segment before its own, nothing of its own, nothing later: changing later
bytes changes nothing before them. Sequences do not see each other.

In the paper the first segment is merged by its own mean, which holds its later tokens. No gradient passes through that
decision, so that the router does not learn to use this; but the values pass, and a changed byte in the first segment
changes logits before it. `first_segment = "itself"` is that rule; the checks measure the leak.

## Where it deviates

- The first segment is merged evenly, so that the layer is causal without exception; the paper's rule is the option.
- Segments have 32 bytes where the paper's have 256 tokens of 4096.
- The paper puts similar documents next to each other in training, which our windows of one document do by
  themselves; it begins with a dense model that is copied into the experts (5 % of training): left out.
- At inference the paper may decide once, by the prompt alone; here the rule of training is kept, which the paper
  reports not to differ significantly.
- On the clustered task all points of a sequence share a cluster, segments have four points, and the first is merged by
  its own mean as in the paper: points have no order, and so nothing to leak.

## What it was checked against

The equations in a plain float64 loop; the rule of section 3.1 in matrices (weights of all segments, shifted by one, the
first detached) over `torch.func.functional_call` of an ordinary module, outputs and gradients; what leaks from later
tokens under either rule for the first segment; that the first segment sends no gradient into the router.

## How long, and what to see

About two minutes. `router_entropy` falls from $\ln 8 = 2.08$ early; experts that know domains (`information`), as in
the paper, take far longer training. `segment_length = 256` leaves one segment a sequence, from which the router learns
nothing; short segments follow the text more closely and cost more merges.
"""

import torch
from torch import Tensor

from reference_impls.configs.lory import LoryConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.merging import group_mean, merge_routing
from reference_impls.core.routing import LinearRouter, MergeRouting, RoutingContext


class SegmentRouter(LinearRouter):
    """Softmax of the mean token of the segment before; see the module's docstring."""

    def __init__(self, config: LoryConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> MergeRouting:
        """Weights of all experts for each segment."""
        segment_T, n_segments = self.segments(context)
        B, E = context.n_sequences, self.n_experts
        own_BNE = self.logits(group_mean(x_TD, segment_T, B * n_segments)).softmax(-1).view(B, n_segments, E)
        itself = self.config.first_segment == "itself"
        first_B1E = own_BNE[:, :1].detach() if itself else torch.full_like(own_BNE[:, :1], 1 / E)
        weight_BNE = torch.cat([first_B1E, own_BNE[:, :-1]], dim=1)
        return merge_routing(weight_BNE.flatten(0, 1), segment_T)

    def segments(self, context: RoutingContext) -> tuple[Tensor, int]:
        """The segment of each token, numbered sequence by sequence, and how many a sequence has at most."""
        place_T = context.position_T // self.config.segment_length
        n_segments = int(place_T.max()) + 1 if len(place_T) else 1
        return context.sequence_T * n_segments + place_T, n_segments


def make_layer(config: LoryConfig) -> MoELayer:
    """A Lory layer: router and SwiGLU experts."""
    return moe_layer(config, SegmentRouter(config))

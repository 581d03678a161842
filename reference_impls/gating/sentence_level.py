r"""# Sentence-level routing: one decision a sequence

S. Kudugunta et al., *Beyond Distillation: Task-level Mixture-of-Experts for Efficient Inference*,
[arXiv 2110.03742](https://arxiv.org/abs/2110.03742). The average that is routed is defined in the survey of
Cai et al., section 4.1.1; the rest follows GShard, whose layer the paper varies.

## The design

The vectors of a sequence are averaged, and the router sees the average in place of the tokens:

$$\bar{x} = \frac{1}{L} \sum_{t=1}^{L} x_t, \qquad p = \mathrm{softmax}(W_g \bar{x})$$

The $K$ most probable experts serve all tokens of the sequence, each token for itself, with the same weights:

$$y_t = \sum_{i \in \mathrm{top}K(p)} g_i\, E_i(x_t), \qquad
g_i = \begin{cases} p_i \big/ \sum_{j \in \mathrm{top}K(p)} p_j & K > 1 \\ p_i & K = 1 \end{cases}$$

(With one expert a weight of one would give the router no gradient.) What is to be even is the number of sequences,
so the balancing loss counts these:

$$\mathcal{L}_{\mathrm{balance}} = \alpha\, N \sum_{i=1}^{N} D_i P_i, \qquad
D_i = \frac{1}{S} \sum_{s} \mathbb{1}\{i = \arg\max p(s)\}, \qquad P_i = \frac{1}{S} \sum_{s} p_i(s)$$

| symbol | meaning | here |
|---|---|---|
| $x_t$ | vector of token $t$, after the layer's norm | `x_TD` |
| $L$ | tokens of the sequence, padding excluded | |
| $\bar{x}$ | their average | `mean_GD` |
| $W_g$ | router weights | `router.weight_ED` |
| $N$, $K$ | experts, and experts of one sequence | `n_experts`, `experts_per_token` |
| $E_i$ | expert $i$: a SwiGLU network | `experts` |
| $S$ | sequences of the batch that have a token | |
| $\alpha$ | coefficient of the balancing loss | `balance_coefficient` |

To serve a sequence, only $K$ experts of each layer have to be loaded, where token-level routing soon asks for all.

## What the metrics mean

- `cross_entropy`: nats per byte of text; `bits_per_byte` is the same divided by $\ln 2$. `loss` adds the weighted
  balancing loss.
- `aux_load_balance`: the sum above without $\alpha$, mean over layers; 1 is balance. A batch of few sequences cannot
  be balanced over many experts, so it stays above 1 even if the choice is even in the long run.
- `load_cv`, `max_violation`: spread of the load in tokens, over all batches of the interval.
- `dropped_fraction`: always 0: there is no capacity.
- `router_entropy`: of $p$, in nats, each sequence counted as often as it has tokens.
- `information`: mutual information of expert and domain. Domains belong to sequences, as the decisions do.

## Which tokens see each other

All tokens of a sequence see each other, and **this design leaks**: the average contains the later tokens, so a
later byte can change the experts of an earlier one. In translation the source sentence is known as a whole and
nothing leaks; in a left-to-right language model bits per byte say nothing about generation. Sequences of a batch
never influence each other, except through the balancing loss in training.

## Where it deviates

- *Gap.* How the paper chooses from the gate's output: the paper's text was searched for and not found, and the survey
  defines the average only. The choice ($K = 2$, weights divided by their sum,
  GShard's balancing loss) is this project's, after GShard's layer; the survey says that a sequence goes to "an
  expert", which is `experts_per_token: 1`.
- No capacity: whole sequences of different length make poor units to drop.
- The balancing loss counts each sequence once, whatever its length.
- A decoder-only byte-level language model stands in for the paper's translation model.
- Initial weights of the experts have variance 1 over the number of inputs, those of their outputs 1 / (2 * layers)
  of that, so that the layers add up to order one.

## What it was checked against

`MixtralSparseMoeBlock` of transformers on sequences of one token, where the average is the token: outputs and all
gradients, float32 and float64. A plain float64 loop over sequences of different lengths, outputs and the balancing
loss. Properties: all tokens of a sequence have the same experts and weights, the order of its tokens and padding do
not matter to them, the leak is there.

## How long, and what to see

A default run takes about as long as one of `mixtral-top2`, whose experts it has: the router's work falls from one
product a token to one a sequence. On the clustered task, whose sequences have one cluster each here, the clusters
are found: an average over sixteen points has less noise than any one of them.
With `cluster_unit: token` the same design is blind. On text the leak shows as bits per byte that no causal design
reaches fairly; compare `information` over domains with that of a token-level design.
"""

import torch
from torch import Tensor

from reference_impls.configs.sentence_level import SentenceLevelConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.merging import group_mean
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing


class SentenceLevelRouter(LinearRouter):
    """Top-k routing of sequence averages; see the module's docstring."""

    def __init__(self, config: SentenceLevelConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each sequence by its average, and its tokens with it."""
        k, sequence_T = self.config.experts_per_token, context.sequence_T
        mean_GD = group_mean(x_TD, sequence_T, context.n_sequences)
        probability_GE = self.logits(mean_GD).softmax(-1)
        weight_GK, expert_GK = probability_GE.topk(k, dim=-1)
        if k > 1:
            weight_GK = weight_GK / weight_GK.sum(-1, keepdim=True)
        real_G = torch.unique(sequence_T)
        balance = load_balancing_loss(probability_GE[real_G], expert_GK[real_G], "first-choice")
        return top_k_routing(
            weight_GK[sequence_T],
            expert_GK[sequence_T],
            self.n_experts,
            probability_TE=probability_GE[sequence_T],
            losses={"load_balance": AuxiliaryLoss(balance, self.config.balance_coefficient)},
        )


def make_layer(config: SentenceLevelConfig) -> MoELayer:
    """A layer that routes sequences: router and SwiGLU experts."""
    return moe_layer(config, SentenceLevelRouter(config))

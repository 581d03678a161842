r"""# Mixture of Tokens: blends across sequences

S. Antoniak et al., *Mixture of Tokens: Efficient LLMs through Cross-Example Aggregation*,
[arXiv 2310.15961](https://arxiv.org/abs/2310.15961); the authors' `ContinuousMoE` (llm-random,
`research/conditional/moe_layers/continuous_moe.py`).

## The design

Blending tokens, as Soft MoE does, keeps everything smooth, but blending the tokens of one text lets it read ahead. So
tokens are blended across texts: a group $g$ holds the tokens at one position of several sequences of the batch. Each
expert makes one blend of the group, works on it, and hands the result back by the weights it was blended with:

$$\alpha_{t,i} = \frac{\exp(x_t^\top c_i / \tau)}{\sum_{t' \in g} \exp(x_{t'}^\top c_i / \tau)}$$

$$y_t = \sum_{i=1}^{N} \alpha_{t,i}\, f_i\Big(\sum_{t' \in g} \alpha_{t',i}\, x_{t'}\Big)$$

| symbol | meaning | here |
|---|---|---|
| $x_t$ | a token's vector, after the layer's norm | `x_TD` |
| $c_i$ | what expert $i$ blends by | `router.weight_ED` |
| $\tau$ | temperature | `temperature` |
| $g$ | tokens at one position of `group_size` sequences | `group_T` |
| $f_i$ | expert $i$, with ReLU as in the authors' code | `experts` |
| $N$ | experts | `n_experts` |

The weights of one expert add up to one over the group; those of one token do not. With as many experts as sequences
in a group, the cost is that of one expert a token: the estimate counts active experts as $N$ over the group's size.

## What the metrics mean

- `cross_entropy`: nats per byte of text; `bits_per_byte` is the same divided by $\ln 2$. `loss` adds nothing.
- `slot_entropy`: mean entropy of a blend in nats: the logarithm of how many tokens it mixes, in effect.
- `router_entropy`: of a token's weights, divided by their sum; $\ln N$ if all experts give it the same.
- `load_cv`, `max_violation`: 0, since every expert makes one blend a group. `dropped_fraction`: always 0.
- `information`: between domain (or cluster) and the weights of its tokens' experts.

## Which tokens see each other

Those at the same position of the sequences of a group. Changing later bytes changes nothing before them, in this
sequence or another: the model is causal. But **the output depends on the rest of the batch**: the same text scored
beside other texts gets other logits, and so does a text scored alone. What is reported is for batches in the order
in which they come. Padding is left out, so that a position counts the real tokens before it.

## Where it deviates

- Where the batch does not fill a group, or a sequence is shorter than the others, the group is blended as it is. The
  authors' code multiplies outputs by the group's size over the configured one when all groups change.
- Sequences are grouped as they lie in the batch. The authors' optional softmax over experts on the way back, learned
  temperatures and grouping within a sequence are left out, and so is the tuning that turns the model into a sparse
  mixture at the end.
- On the clustered task (not the paper's) groups are of 16 points of 16 clusters and the temperature is low. An expert
  has one blend a group: it can serve two points only if they have the same label, and where its cluster is missing it
  blends others.

## What it was checked against

The equations in a plain float64 loop; the layout of the authors' code (positions first, matrices instead of flat
indices) written independently, outputs and gradients; weights of an expert add up to one over a group; groups do not
influence each other; a group of one token is a plain mixture with all weights one.

## How long, and what to see

About a minute. `slot_entropy` stays below $\ln 8 = 2.08$ by as much as the experts prefer some tokens. A smaller
`temperature` blends less; `group_size = 1` gives every token every expert, at `n_experts` times the cost.
"""

from torch import Tensor

from reference_impls.configs.mixture_of_tokens import MixtureOfTokensConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import LinearRouter, RoutingContext, SoftRouting, entropy
from reference_impls.core.soft import group_softmax, slot_entropy


class TokenBlender(LinearRouter):
    """Blends tokens at one position of several sequences, once for each expert; see the module's docstring."""

    def __init__(self, config: MixtureOfTokensConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SoftRouting:
        """One blend a group and expert."""
        group_T, n_groups = self.groups(context)
        weight_TE = group_softmax(self.logits(x_TD) / self.config.temperature, group_T, n_groups)
        weight_TES = weight_TE[..., None]
        return SoftRouting(
            dispatch_TES=weight_TES,
            combine_TES=weight_TES,
            group_T=group_T,
            n_groups=n_groups,
            demand_E=weight_TE.detach().sum(0),
            entropy=entropy(weight_TE / weight_TE.sum(-1, keepdim=True)),
            n_tokens=len(x_TD),
            stats={"slot_entropy": slot_entropy(weight_TES, group_T, n_groups)},
        )

    def groups(self, context: RoutingContext) -> tuple[Tensor, int]:
        """The group of each token, and how many there are: positions times blocks of sequences."""
        n_blocks = -(-context.n_sequences // self.config.group_size)
        n_positions = int(context.position_T.max()) + 1 if len(context.position_T) else 0
        block_T = context.sequence_T // self.config.group_size
        return context.position_T * n_blocks + block_T, n_positions * n_blocks


def make_layer(config: MixtureOfTokensConfig) -> MoELayer:
    """A Mixture-of-Tokens layer: controllers and ReLU experts."""
    return moe_layer(config, TokenBlender(config))

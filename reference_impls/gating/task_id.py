r"""# Routing by task or language: a rule instead of a gate

Two papers route by a label that is known before the first token is read. A. Fan et al., *Beyond English-Centric
Multilingual Machine Translation* (M2M-100), [arXiv 2010.11125](https://arxiv.org/abs/2010.11125), give sublayers to
languages or groups of languages. S. Kudugunta et al., *Beyond Distillation: Task-level Mixture-of-Experts for
Efficient Inference*, [arXiv 2110.03742](https://arxiv.org/abs/2110.03742), route by tags such as the task. Both are
taken here as the survey of Cai et al. describes them (section 4.1.1, non-trainable token choice).

## The design

Each sequence has a label: its task, or its language. The label names the expert, with weight one, for all tokens of
the sequence and in every layer:

$$y_t = E_{g(\ell)}(x_t), \qquad g(\ell) = \ell \bmod N$$

$$E_i(x) = W^{(i)}_{\mathrm{out}}\, \mathrm{relu}\big(W^{(i)}_{\mathrm{in}} x\big)$$

| symbol | meaning | here |
|---|---|---|
| $x_t$ | a token's vector, after the layer's norm | `x_TD` |
| $\ell$ | label of the sequence that the token stands in | the `domain` that the layer is told |
| $g$ | which expert the label names; labels may share one | |
| $N$ | experts | `n_experts` |

Nothing in the router is learnt: it has no parameters, no scores and no auxiliary loss. To serve one task, only that
task's experts have to be in memory. The load is as even as the labels of the data.

## What the metrics mean

- `cross_entropy`: nats per byte of text; `bits_per_byte` is the same divided by $\ln 2$. `loss` is the same, as
  there is no auxiliary loss.
- `information`: mutual information of expert and domain, of the most that is possible. 1 by construction if each
  domain has its own expert.
- `load_cv`, `max_violation`: spread of the load, which is that of the domains in the batches.
- `dropped_fraction`: always 0.
- `router_entropy`: always 0: a rule has no doubts.

## Which tokens see each other

None. A token's output depends on that token and the label of its sequence; the label is given, not computed from
the text. Changing later bytes changes nothing before them.

## Where it deviates

- Task and language are stood in for by the domain of the text (prose, code, tests, data), of which the bytes'
  source is known; on the clustered task by the cluster, which all points of a sequence then share.
- Where there are more labels than experts, label $\ell$ shares the expert of $\ell - N$. M2M-100 groups languages by
  kinship and by how much data they have; such a grouping is not reproduced.
- M2M-100 puts language-specific sublayers beside shared ones in a few layers of a translation model; here every
  layer of a decoder-only byte-level model (or every `moe_every`-th) has them.
- The survey files task-level routing under designs that train no gate, and so does this page. How the paper turns a
  tag into experts was not at hand.
- No biases in the experts.

## What it was checked against

`VitPoseBackboneMoeMLP` of transformers, which routes images by the index of their data set: its experts share their
first matrix and some rows of their second, so ours are given equal ones there; outputs, the gradient of the tokens
and the gradients of the weights (added up over experts where they are shared), in float32 and float64. A plain
float64 loop over sequences. That labels decide alone: sequences with the same label and tokens get the same outputs
whatever their place in the batch.

## How long, and what to see

A default run takes about as long as a dense model of the same active width, for each token sees one expert and no
router. On the clustered task the design is told what others must find, and shows how much there is to gain: its
accuracy is a mark for the learned routers to be measured by. On text, compare `n_experts` 4 with 2, where pairs of
domains share an expert, and with 1, which is a dense model.
"""

from torch import Tensor

from reference_impls.configs.task_id import TaskIdConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import Router, RoutingContext, SparseRouting
from reference_impls.core.rules import routing_by_rule


class TaskIdRouter(Router):
    """The label of its sequence is a token's route; see the module's docstring."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the expert of its sequence's domain."""
        expert_T1 = (context.need("domain") % self.n_experts)[:, None]
        return routing_by_rule(x_TD, expert_T1, self.n_experts)


def make_layer(config: TaskIdConfig) -> MoELayer:
    """A layer whose experts belong to tasks."""
    return moe_layer(config, TaskIdRouter(config.n_experts))

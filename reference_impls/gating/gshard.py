r"""# GShard: a best expert, and a second one by chance

D. Lepikhin et al., *GShard: Scaling Giant Models with Conditional Computation and Automatic Sharding*,
[arXiv 2006.16668](https://arxiv.org/abs/2006.16668). The details below that the surveys of the field do not
give are those of the authors' public code, Mesh TensorFlow (`transformer/moe.py`, `_top_2_gating`).

## The design

The router is one linear map with a softmax over all experts. A token goes to its best expert $e_1$ and
perhaps to its second best $e_2$, with weights that are divided by their sum before anything is left out:

$$p(x) = \mathrm{softmax}(W_g x), \qquad g_j = \frac{p_{e_j}(x)}{p_{e_1}(x) + p_{e_2}(x)}, \qquad
y = g_1 E_{e_1}(x) + u\, g_2 E_{e_2}(x)$$

A second expert of small weight hardly changes the output, so that in training it is used by chance only:

$$P(u = 1) = \min\left(1, \frac{g_2}{\theta}\right)$$

An expert takes at most $C$ assignments from each routing group. Places go to all first choices in the order
of the sequence, then to the second choices that are wanted, in the same order. An assignment that finds no
place is dropped and the token's other weight stays as it was:

$$C = \left\lceil \frac{T}{N} \cdot c \right\rceil$$

A loss pushes the router towards an even load of first choices and is added for every GShard layer:

$$\mathcal{L}_{\mathrm{balance}} = \alpha\, N \sum_{i=1}^{N} D_i P_i, \qquad
D_i = \frac{1}{T}\sum_{x} \mathbb{1}\{e_1(x) = i\}, \qquad P_i = \frac{1}{T}\sum_{x} p_i(x)$$

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $W_g$ | router weights | `router.weight_ED` |
| $N$ | experts | `n_experts` |
| $u$ | whether the second is wanted; 1 under `always` | `second_policy_train`, `second_policy_eval` |
| $\theta$ | weight from which it always is | `second_threshold` |
| $T$ | tokens of a routing group, padding excluded | |
| $c$ | capacity factor, in training and outside | `capacity_factor_train`, `capacity_factor_eval` |
| $D_i$ | share of tokens whose first choice is expert $i$, before capacity; no gradient | |
| $P_i$ | mean router probability of expert $i$; carries the gradient | |
| $\alpha$ | coefficient of the balancing loss | `balance_coefficient` |

A token has up to two assignments, so $c = 2$ is what an even load needs if every second expert is used.

## What the metrics mean

- `cross_entropy`: nats per byte of text; `bits_per_byte` is the same divided by $\ln 2$. `loss` adds the
  weighted auxiliary losses.
- `aux_load_balance`: the sum above without $\alpha$, mean over GShard layers. 1 is perfect balance, $N$ is
  every first choice to one expert with certainty.
- `load_cv`, `max_violation`: spread of the load over experts, first and wanted second choices, counted before
  capacity; 0 is perfect balance.
- `dropped_fraction`: share of wanted assignments refused by a full expert. A second expert that chance left
  out was not wanted and is not counted.
- `router_entropy`: of the softmax, in nats; $\ln N$ if the router has no opinion.

## Which tokens see each other

Tokens of a group influence each other through capacity, and **this design leaks**: all first choices are served
before any second choice, so a later token whose first choice is an expert can take the place of an earlier
token's second choice there. Changing later bytes can change earlier logits, and a language model may in
principle learn to read the future; `test_causality.py` shows the change. It cannot happen where nothing is
dropped: with a capacity factor of $N$ or more the whole model is causal. The first choices alone are served in
order and do not leak. With `routing_group: sequence`, sequences of a batch never influence each other; with
`batch` all tokens of the batch share the places. Padding counts for nothing.

## Where it deviates

- A decoder-only byte-level language model stands in for the paper's translation model.
- The random second expert is drawn in training only by default; the Mesh TensorFlow code draws in evaluation,
  too (`second_policy_eval: random`). Its other policies, none and a fixed threshold, are left out.
- Capacity factors are 2 and 2, the capacity that transformers gives its top-2 router when none is set. Mesh
  TensorFlow's are 1.25 and 2.0; with 1.25 at least three eighths of the assignments are dropped if
  every token wants two experts. $C$ is rounded up; Mesh TensorFlow rounds down.
- The group is a sequence (or the batch).
- Initial weights of the experts have variance 1 over the number of inputs, those of their outputs
  1 / (2 * layers) of that, so that the layers add up to order one.

## What it was checked against

`NllbMoeTop2Router` of transformers with its policy `all`: combining weights and all gradients in float32 and
float64, at four capacities. Outputs, demand, drops and loss against a plain float64 loop, with and without chance,
and the frequency of the second expert (`checks/gshard.py`). Then properties: capacity never exceeded,
no influence of padding, finite under extreme logits (`test_layers.py`). The expert layer that transformers puts
behind that router is no oracle: it uses the mask of first choices as an index.

## How long, and what to see

A default run reads 491,520 bytes of text with 1.5 million parameters, of which a byte uses 0.7 million; it takes less than two
minutes on two cores. A run of twice as many steps (`steps: 480`), with seed 0 under Python 3.11, where byte
frequencies alone reach 5.05 bits per byte, ended near these values in validation:

- 2.17 bits per byte, not to be ranked among those of causal designs: the layer leaks (above);
- a balancing loss of 1.06, `load_cv` 0.19 and `max_violation` 0.37;
- 13 % of the assignments dropped: every second expert is wanted in validation, so that an even load leaves no
  place to spare at factor 2. In training, where chance leaves some out, it is some 10 % at the end;
- a router entropy of 1.54 nats, down from $\ln 8 = 2.08$.

Setting `second_policy_train` to `always` shows what chance saves, and `capacity_factor_eval` to 8 what the
drops (and the leak) amount to. Another seed or Python version moves the last digits.
"""

import torch
from torch import Tensor

from reference_impls.configs.gshard import GShardTop2Config
from reference_impls.core.build import moe_layer
from reference_impls.core.capacity import within_capacity
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, entropy


class GShardTop2Router(LinearRouter):
    """Top-2 routing with capacity and a random second expert; see the module's docstring."""

    def __init__(self, config: GShardTop2Config) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its best expert and perhaps its second, while they have room."""
        config = self.config
        probability_TE = self.logits(x_TD).softmax(-1)
        top_TK, expert_TK = probability_TE.topk(min(2, self.n_experts), dim=-1)
        weight_TK = top_TK / top_TK.sum(-1, keepdim=True)
        wanted_TK = torch.ones_like(expert_TK, dtype=torch.bool)
        wanted_TK[:, 1:] = self._use_second(weight_TK[:, 1:])

        # Column by column: every first choice is in the list, and so served, before any second one.
        choice_A, token_A = torch.where(wanted_TK.T)
        expert_A = expert_TK[token_A, choice_A]
        group_T, n_groups = context.groups(config.routing_group)

        balance = load_balancing_loss(probability_TE, expert_TK, "first-choice", group_T, n_groups)
        routing = SparseRouting(
            token_A=token_A,
            expert_A=expert_A,
            weight_A=weight_TK[token_A, choice_A],
            demand_E=torch.bincount(expert_A, minlength=self.n_experts),
            entropy=entropy(probability_TE),
            n_tokens=len(x_TD),
            losses={"load_balance": AuxiliaryLoss(balance, config.balance_coefficient)},
        )
        return within_capacity(routing, group_T, n_groups, config.capacity_factor(self.training))

    def _use_second(self, weight_T1: Tensor) -> Tensor:
        policy = self.config.second_policy_train if self.training else self.config.second_policy_eval
        if policy == "always":
            return torch.ones_like(weight_T1, dtype=torch.bool)
        return torch.rand_like(weight_T1) < weight_T1.detach() / self.config.second_threshold


def make_layer(config: GShardTop2Config) -> MoELayer:
    """A GShard layer: router and ReLU experts."""
    return moe_layer(config, GShardTop2Router(config))

r"""# Hash layers: the token's id decides

S. Roller, S. Sukhbaatar, A. Szlam, J. Weston, *Hash Layers For Large Sparse Models*,
[arXiv 2106.04426](https://arxiv.org/abs/2106.04426). Fixed routers are also studied in *Towards an empirical
understanding of MoE design choices*, [arXiv 2402.13089](https://arxiv.org/abs/2402.13089).

## The design

Nothing is learned about routing: a table made before (here: at the beginning of) training gives each entry of the
vocabulary its expert, and the expert's output is used as it is.

$$y_t = f_{h(v_t)}(x_t), \qquad h : \{1, \dots, V\} \to \{1, \dots, N\}$$

Three tables:

- `random`: $h(v)$ is drawn uniformly.
- `balanced`: ids are taken from the most to the least frequent; each goes to the expert with the least load so far,
  $h(v) = \arg\min_i \sum_{u \text{ before } v,\ h(u) = i} n_u$. A very frequent id fills an expert by itself.
- `clustered`: k-means with $N$ centres over one vector for each id; $h(v)$ is the nearest centre. Similar tokens
  share an expert, the opposite of what a hash usually wants.

DeepSeek-V4 has such a table with $k$ experts a token in its first layers, and a learned gate that only weighs them
(`weights: learned`):

$$w_i = \gamma\,\frac{s_i}{\sum_{j \in H(v)} s_j}\ \ (i \in H(v)), \qquad
s = \sqrt{\mathrm{softplus}(W x)}, \qquad y = \sum_{i \in H(v)} w_i\, f_i(x)$$

| symbol | meaning | here |
|---|---|---|
| $v_t$, $V$ | the token's id, and how many there are | context `token_id`, `vocabulary` |
| $x_t$ | the token's vector, after the layer's norm | `x_TD` |
| $h$, $H$ | the table, of one or $k$ experts an id | `router.table_VK`, a buffer |
| $N$, $k$ | experts, experts of an id | `n_experts`, `experts_per_token` |
| $n_v$ | how often id $v$ was seen | `router.count_V`, a buffer |
| $W$, $s$ | gate weights and scores, only where weights are learned | `router.weight_ED` |
| $\gamma$ | what a token's weights add up to | `routed_scale` |

## What the metrics mean

- `load_cv`, `max_violation`: what imbalance the table leaves.
- `router_entropy`: with learned weights, of the weights among the $k$ experts; otherwise 0.
- `information`: how far experts and domains (or clusters) are one.
- `dropped_fraction`: always 0.

## Which tokens see each other

None: the table sees ids alone, and weights the token alone.

## Where it deviates

- The paper counts frequencies over the training data before training, and clusters the embeddings of a trained
  model. Here neither exists at the start: the layer counts the ids of its first `table_step` training batches and
  averages the vectors it saw of each, then makes its table once. Until then a random table serves. An id that was
  never seen counts as seen no time, and keeps its random experts in a clustered table. This project's choice.
- With $k > 1$: a random table draws $k$ different experts; a balanced one takes the $k$ of least load; a clustered
  one the $k$ nearest centres. Equal weights are $1/k$. This project's choice. MultiHash is not built.
- The authors' public code (ParlAI, `hash_ladder.py`) draws a random table, puts one such layer into the model, and has
  a residual and a norm inside the layer; the transformer around ours has its own.
- In transformers, DeepSeek-V4's table is read from a checkpoint and adds $10^{-20}$ in the denominator; the released
  table's origin is not said there.

## What it was checked against

`DeepseekV4HashRouter` of transformers with the same table: weights, experts and gradients. A float64 loop for the
outputs of all three tables; the balanced table against the greedy rule by hand; the clustered one against
scikit-learn's `KMeans` from the same start. Then: an id has one set of different experts; the balanced table spreads
its load no worse than a random one does, and its loads differ by at most the largest count.

## How long, and what to see

A default run takes one to two minutes on two cores. Compare `load_cv` between the three tables. In text `balanced`
is limited by its most frequent bytes (the blank, `e`): with eight experts they alone can exceed an expert's even
share. The paper finds balanced and random tables better than clustered ones; on the clustered task it is the other way round,
because there similar words do share a rule.
"""

import torch
from torch import Tensor, nn

from reference_impls.configs.hash import HashConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.kmeans import lloyd, spread_start
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import (
    Progress,
    Router,
    Routing,
    RoutingContext,
    SparseRouting,
    top_k_routing,
    wide_linear,
)
from reference_impls.core.rules import look_up, routing_by_rule

KMEANS_STEPS = 50


class HashRouter(Router):
    """Experts by token id; see the module's docstring."""

    table_VK: Tensor
    count_V: Tensor
    sum_VD: Tensor

    def __init__(self, config: HashConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.register_buffer("table_VK", random_table(config.vocabulary, config.n_experts, config.experts_per_token))
        self.register_buffer("count_V", torch.zeros(config.vocabulary, dtype=torch.int64))
        self.register_buffer("sum_VD", torch.zeros(config.vocabulary, config.d_model))
        if config.weights == "learned":
            self.weight_ED = nn.Parameter(torch.empty(config.n_experts, config.d_model))
            nn.init.normal_(self.weight_ED, std=0.02)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Look the experts up, and weigh them."""
        token_id_T = context.need("token_id")
        expert_TK = look_up(self.table_VK, token_id_T)
        if self.training and self.config.table != "random":
            self.count_V.index_add_(0, token_id_T, torch.ones_like(token_id_T))
            self.sum_VD.index_add_(0, token_id_T, x_TD.detach().to(self.sum_VD.dtype))
        if self.config.weights == "equal":
            return routing_by_rule(x_TD, expert_TK, self.n_experts)
        score_TK = nn.functional.softplus(wide_linear(x_TD, self.weight_ED)).sqrt().gather(1, expert_TK)
        weight_TK = score_TK / score_TK.sum(-1, keepdim=True)
        return top_k_routing(self.config.routed_scale * weight_TK, expert_TK, self.n_experts, probability_TE=weight_TK)

    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Make the table of what was seen, once."""
        if self.config.table == "random" or progress.step != self.config.table_step:
            return
        k = self.config.experts_per_token
        if self.config.table == "balanced":
            self.table_VK.copy_(balanced_table(self.count_V, self.n_experts, k))
        else:
            (seen_R,) = torch.where(self.count_V > 0)
            mean_RD = self.sum_VD[seen_R] / self.count_V[seen_R, None]
            self.table_VK[seen_R] = clustered_table(mean_RD, spread_start(mean_RD, self.n_experts), k)


def random_table(vocabulary: int, n_experts: int, k: int) -> Tensor:
    """k different experts for each id, all equally likely, [V, K]."""
    return torch.rand(vocabulary, n_experts).argsort(-1)[:, :k]


def balanced_table(count_V: Tensor, n_experts: int, k: int) -> Tensor:
    """From the most frequent id to the least, the k experts with the least load so far, [V, K].

    Of equal counts the smaller id comes first; among equal loads the expert with fewer ids, then the smaller number.
    """
    table, load = [[0] * k for _ in count_V], [(0, 0, expert) for expert in range(n_experts)]
    count = count_V.tolist()
    for v in sorted(range(len(count)), key=lambda v: -count[v]):
        for place, (weight, ids, expert) in enumerate(sorted(load)[:k]):
            table[v][place] = expert
            load[expert] = (weight + count[v], ids + 1, expert)
    return torch.tensor(table)


def clustered_table(x_VD: Tensor, start_ED: Tensor, k: int) -> Tensor:
    """The k nearest of the centres that k-means comes to from `start_ED`, [V, K]."""
    centre_ED = lloyd(x_VD, start_ED, KMEANS_STEPS)
    return (centre_ED.square().sum(-1) - 2 * x_VD @ centre_ED.T).topk(k, largest=False).indices


def make_layer(config: HashConfig) -> MoELayer:
    """SwiGLU experts behind a table."""
    return moe_layer(config, HashRouter(config))

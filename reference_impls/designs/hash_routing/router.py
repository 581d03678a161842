"""The router of Hash layers; the page is README.md."""

import torch
from torch import Tensor, nn

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.kmeans import lloyd, spread_start
from reference_impls.core.routing import (
    Progress,
    Router,
    Routing,
    RoutingContext,
    SparseRouting,
    float32_linear,
    look_up,
    routing_by_rule,
    top_k_routing,
)
from reference_impls.designs.hash_routing.config import HashConfig

KMEANS_STEPS = 50


class HashRouter(Router):
    """Experts by token id; see README.md."""

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
        score_TK = nn.functional.softplus(float32_linear(x_TD, self.weight_ED)).sqrt().gather(1, expert_TK)
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


make_layer = routed_by(HashRouter, HashConfig)
DESIGN = Design(make_layer)

"""The router of HMoE; the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.design import Design
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing
from reference_impls.designs.heterogeneous_experts.config import HeterogeneousConfig
from reference_impls.designs.heterogeneous_experts.experts import HeterogeneousSwiGLUExperts


class CostAwareRouter(LinearRouter[HeterogeneousConfig]):
    """Top-k of probability less a price for width, with a penalty on the width in use; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k experts of best value."""
        config = self.config
        probability_TE = self.logits(x_TD).softmax(-1)
        width_E = torch.tensor(config.expert_widths, device=x_TD.device)
        relative_E = width_E.to(probability_TE.dtype) / config.d_expert
        value_TE = probability_TE - config.cost_weight * relative_E
        expert_TK = value_TE.topk(config.experts_per_token, dim=-1).indices
        weight_TK = probability_TE.gather(1, expert_TK)

        penalty = parameter_penalty(probability_TE, expert_TK, relative_E)
        return top_k_routing(
            weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE,
            losses={"parameter_penalty": AuxiliaryLoss(penalty, config.penalty_coefficient)},
            stats={"active_width": float(width_E[expert_TK].sum()) / max(len(x_TD), 1)},
        )  # fmt: skip


def parameter_penalty(probability_TE: Tensor, choice_TK: Tensor, relative_E: Tensor) -> Tensor:
    """The load-balancing loss `per-token`, each choice counted as its expert's relative width; 0 of no token."""
    T, E = probability_TE.shape
    count_E = torch.bincount(choice_TK.flatten(), minlength=E).to(probability_TE.dtype)
    load_E = count_E * relative_E / max(T, 1)
    return E * (load_E * probability_TE.sum(0)).sum() / max(T, 1)


def make_layer(config: HeterogeneousConfig) -> MoELayer:
    """A layer of SwiGLU experts of different widths."""
    experts = HeterogeneousSwiGLUExperts(config.d_model, config.expert_widths, 1 / (2 * config.n_layers))
    return MoELayer(CostAwareRouter(config), experts)


DESIGN = Design(make_layer)

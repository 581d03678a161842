"""The router of HyperMoE; the page is README.md."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.build import expert_bank
from reference_impls.core.design import Design
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    Routing,
    RoutingContext,
    SparseRouting,
    top_k_routing,
)
from reference_impls.designs.hypernetwork_experts.config import HyperMoEConfig


class SwitchLikeRouter(LinearRouter[HyperMoEConfig]):
    """Top-k of a softmax, weights not renormalised, none dropped."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k most probable experts."""
        probability_TE = self.logits(x_TD).softmax(-1)
        weight_TK, expert_TK = probability_TE.topk(self.config.experts_per_token, dim=-1)
        balance = load_balancing_loss(probability_TE, expert_TK, "per-token")
        losses = {"load_balance": AuxiliaryLoss(balance, self.config.balance_coefficient)}
        stats = {"choices": float(len(torch.unique(expert_TK.sort(-1).values, dim=0)))}
        return top_k_routing(
            weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses, stats=stats
        )


class HyperMoELayer(MoELayer):
    """The chosen experts and one made from the others; see README.md."""

    def __init__(self, config: HyperMoEConfig) -> None:
        super().__init__(SwitchLikeRouter(config), expert_bank(config))
        self.config = config
        C, H = config.embedding_width, config.hyper_hidden
        self.embedding_EC = nn.Parameter(torch.randn(config.n_experts, C))
        self.process = nn.Sequential(nn.Linear(C, C), nn.ReLU(), nn.Linear(C, C))
        self.make_hidden = nn.Linear(C, H)
        self.make_expert = nn.Linear(H, config.hyper_outputs)
        parts = torch.split(self.make_expert.weight, self._sizes())
        inputs, scales = (config.d_model, config.hyper_width, 1, 1), (1.0, 0.1, 0.1, 0.1)
        for rows, n_inputs, scale in zip(parts, inputs, scales, strict=True):
            bound = scale * (3 / (H * n_inputs)) ** 0.5
            nn.init.uniform_(rows, -bound, bound)
        nn.init.zeros_(self.make_expert.bias)

    def _sizes(self) -> list[int]:
        """Numbers in the made expert's matrices down and up and in its biases down and up."""
        D, R = self.config.d_model, self.config.hyper_width
        return [R * D, D * R, R, D]

    def combine(self, x_TD: Tensor, routing: Routing) -> Tensor:
        """Outputs of the chosen experts and of the made one."""
        return super().combine(x_TD, routing) + self.hyper_expert(x_TD, chosen(routing))

    def hyper_expert(self, x_TD: Tensor, chosen_TE: Tensor) -> Tensor:
        """Outputs [T, D] of the expert that the hypernetwork makes for each token, once for each choice (C)."""
        D, R = self.config.d_model, self.config.hyper_width
        chosen_CE, choice_T = torch.unique(chosen_TE, dim=0, return_inverse=True)
        selection = (1 - chosen_CE.to(x_TD.dtype)) @ self.embedding_EC
        made = self.make_expert(F.relu(self.make_hidden(self.process(selection))))
        down, up, down_bias_CR, up_bias_CD = torch.split(made, self._sizes(), dim=-1)
        down_CRD, up_CDR = down.view(-1, R, D), up.view(-1, D, R)
        hidden_TR = F.relu(torch.einsum("td,trd->tr", x_TD, down_CRD[choice_T]) + down_bias_CR[choice_T])
        y_TD: Tensor = torch.einsum("tr,tdr->td", hidden_TR, up_CDR[choice_T]) + up_bias_CD[choice_T]
        return y_TD


def chosen(routing: Routing) -> Tensor:
    """Which experts each token goes to, int8 [T, E]."""
    assert isinstance(routing, SparseRouting)
    chosen_TE = torch.zeros(routing.n_tokens, routing.n_experts, dtype=torch.int8, device=routing.token_A.device)
    return chosen_TE.index_put_((routing.token_A, routing.expert_A), chosen_TE.new_ones(()))


make_layer = HyperMoELayer
DESIGN = Design(make_layer)

"""The router of DynMoE; the page is README.md."""

import math

import torch
from torch import Tensor, nn

from reference_impls.core.adaptive import masked_routing
from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import masked_balance_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    Progress,
    Router,
    Routing,
    RoutingContext,
    SparseRouting,
    as_float32,
    float32_linear,
)
from reference_impls.designs.dynmoe_top_any.config import DynMoEConfig

LARGEST_SCALE = 100.0


class TopAnyRouter(Router):
    """Every expert whose similarity passes its own threshold; see README.md."""

    alive_E: Tensor
    used_E: Tensor
    unserved_D: Tensor

    def __init__(self, config: DynMoEConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        self.weight_ED = nn.Parameter(torch.empty(config.n_experts, config.d_model))
        self.threshold_E = nn.Parameter(torch.zeros(config.n_experts))
        self.log_scale = nn.Parameter(torch.tensor(math.log(config.initial_scale)))
        nn.init.orthogonal_(self.weight_ED)
        self.register_buffer("alive_E", torch.arange(config.n_experts) < config.initial_experts)
        self.register_buffer("used_E", torch.zeros(config.n_experts, dtype=torch.bool))
        self.register_buffer("unserved_D", torch.zeros(config.d_model))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to every expert whose threshold it passes."""
        score_TE, margin_TE = self.margins(x_TD)
        passed_TE = margin_TE.detach() > 0
        idle_T = ~passed_TE.any(-1)
        if self.training:
            kept_TE = passed_TE
            self.unserved_D += x_TD.detach()[idle_T].sum(0).to(self.unserved_D.dtype)
        else:  # a token that passes none takes its best
            best_T1 = score_TE.masked_fill(~self.alive_E, -1).argmax(-1, keepdim=True)
            best_TE = torch.zeros_like(passed_TE).scatter(1, best_T1, True)
            kept_TE = passed_TE | (best_TE & idle_T[:, None])
        # One in the forward pass, the gradient of the margin in the backward pass.
        chosen_TE = torch.where(kept_TE, 1 + margin_TE - margin_TE.detach(), 0)
        weight_TE = chosen_TE / kept_TE.sum(-1, keepdim=True).clamp(min=1)
        return masked_routing(
            weight_TE,
            kept_TE,
            probability_TE=weight_TE,
            losses=self.losses(chosen_TE, kept_TE),
            stats={"experts_alive": float(self.alive_E.sum()), "idle_tokens": float(idle_T.sum()) / max(len(x_TD), 1)},
        )

    def margins(self, x_TD: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the experts, [T, E], and by how much they pass the thresholds; dead experts pass none."""
        float32_TD = as_float32(x_TD)
        dtype = float32_TD.dtype
        scale = self.log_scale.to(dtype).clamp(max=math.log(LARGEST_SCALE)).exp()
        unit_TD = nn.functional.normalize(float32_TD, dim=-1)
        unit_ED = nn.functional.normalize(self.weight_ED.to(dtype), dim=-1)
        score_TE = (scale * float32_linear(unit_TD, unit_ED)).sigmoid()
        margin_TE = score_TE - (scale * self.threshold_E.to(dtype)).sigmoid()
        return score_TE.detach(), margin_TE.masked_fill(~self.alive_E, -1)

    def losses(self, chosen_TE: Tensor, kept_TE: Tensor) -> dict[str, AuxiliaryLoss]:
        """Diverse and short embeddings, few experts a token, an even load."""
        config = self.config
        alive_ED = as_float32(self.weight_ED[self.alive_E])
        unit_ED = nn.functional.normalize(alive_ED, dim=-1)
        apart_EE = unit_ED @ unit_ED.T - torch.eye(len(unit_ED), dtype=unit_ED.dtype, device=unit_ED.device)
        gating = apart_EE.norm() + alive_ED.norm(dim=-1).mean()
        efficiency = chosen_TE.sum() / max(chosen_TE.numel(), 1)
        share_TE = chosen_TE / chosen_TE.sum(-1, keepdim=True).clamp(min=1)
        balance = masked_balance_loss(share_TE, kept_TE, float(kept_TE.sum()))
        return {
            "gating": AuxiliaryLoss(gating, config.gating_coefficient),
            "efficiency": AuxiliaryLoss(efficiency, config.efficiency_coefficient),
            "load_balance": AuxiliaryLoss(balance, config.balance_coefficient),
        }

    @torch.no_grad()
    def on_step(self, routing: Routing, progress: Progress) -> None:
        """Note which experts were used; every `adapt_every` steps remove the others, and add one."""
        self.used_E |= routing.load_E > 0
        if progress.step % self.config.adapt_every or progress.fraction > self.config.adapt_until:
            return
        if bool((self.alive_E & self.used_E).any()):
            self.alive_E &= self.used_E
        length = self.unserved_D.norm()
        (free_F,) = torch.where(~self.alive_E)
        if length > 0 and len(free_F):
            new = int(free_F[0])
            self.alive_E[new] = True
            self.weight_ED[new] = (self.unserved_D / length).to(self.weight_ED.dtype)
            self.threshold_E[new] = 0.0
        self.used_E.zero_()
        self.unserved_D.zero_()


make_layer = routed_by(TopAnyRouter, DynMoEConfig)
DESIGN = Design(make_layer)

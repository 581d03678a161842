"""The router of DSelect-k; the page is README.md."""

import torch
from torch import Tensor, nn

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.routing import AuxiliaryLoss, Router, RoutingContext, SparseRouting, entropy, float32_linear
from reference_impls.designs.dselect_k.config import DSelectKConfig

EPSILON = 1e-6


class DSelectKRouter(Router):
    """k selectors that spell experts in smooth bits; see README.md."""

    code_Em: Tensor

    def __init__(self, config: DSelectKConfig) -> None:
        super().__init__(config.n_experts)
        self.config = config
        k, m = config.experts_per_token, config.bits
        near = config.step_width / 100
        self.bit_MD = nn.Parameter(torch.empty(k * m, config.d_model).uniform_(-near, near))
        self.bit_bias_M = nn.Parameter(torch.empty(k * m).uniform_(-near, near))
        self.selector_KD = nn.Parameter(torch.empty(k, config.d_model).uniform_(-0.05, 0.05))
        self.selector_bias_K = nn.Parameter(torch.empty(k).uniform_(-0.05, 0.05))
        place_m = torch.arange(m - 1, -1, -1)
        code_Em = (torch.arange(self.n_experts)[:, None] >> place_m) & 1
        self.register_buffer("code_Em", code_Em.bool(), persistent=False)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to the experts of non-zero weight."""
        config = self.config
        bit_TKm = self.bits(x_TD)
        choice_TKE = torch.where(self.code_Em, bit_TKm[:, :, None], 1 - bit_TKm[:, :, None]).prod(-1)
        share_TK = float32_linear(x_TD, self.selector_KD, self.selector_bias_K).softmax(-1)
        weight_TE = (share_TK[..., None] * choice_TKE).sum(1)
        token_A, expert_A = torch.where(weight_TE > 0)

        tokens = max(len(x_TD), 1)
        losses = {
            "entropy": AuxiliaryLoss(
                -(choice_TKE * (choice_TKE + EPSILON).log()).sum() / tokens, config.entropy_coefficient
            )
        }
        if self.n_experts < 2**config.bits:
            reach = (1 / choice_TKE.sum(-1).clamp(min=EPSILON)).sum() / tokens
            losses["reach"] = AuxiliaryLoss(reach, config.reach_coefficient)
        converged_TKm = (bit_TKm == 0) | (bit_TKm == 1)
        return SparseRouting(
            token_A=token_A,
            expert_A=expert_A,
            weight_A=weight_TE[token_A, expert_A],
            load_E=torch.bincount(expert_A, minlength=self.n_experts),
            entropy=entropy(weight_TE),
            n_tokens=len(x_TD),
            losses=losses,
            stats={
                "experts_used": len(token_A) / tokens,
                "converged_bits": float(converged_TKm.double().mean()) if converged_TKm.numel() else 1.0,
            },
        )

    def bits(self, x_TD: Tensor) -> Tensor:
        """Each selector's bits, from 0 to 1, [T, K, m]."""
        logit_TM = float32_linear(x_TD, self.bit_MD, self.bit_bias_M)
        return smooth_step(logit_TM, self.config.step_width).view(
            len(x_TD), self.config.experts_per_token, self.config.bits
        )


def smooth_step(z: Tensor, width: float) -> Tensor:
    """Cubic from 0 at -width/2 to 1 at width/2, flat at both ends, exactly 0 and 1 beyond."""
    u = (z / width).clamp(-0.5, 0.5)
    return torch.where(u <= -0.5, 0.0, torch.where(u >= 0.5, 1.0, -2 * u**3 + 1.5 * u + 0.5))


make_layer = routed_by(DSelectKRouter, DSelectKConfig)
DESIGN = Design(make_layer)

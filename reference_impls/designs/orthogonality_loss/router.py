"""The router of OMoE; the page is README.md."""

from dataclasses import replace

import torch
from torch import Tensor

from reference_impls.core.build import expert_bank
from reference_impls.core.combine import combine
from reference_impls.core.design import Design
from reference_impls.core.experts import ExpertBank
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import AuxiliaryLoss, Routing, SparseRouting, as_float32, float32_linear
from reference_impls.designs.mixtral_top2_router.router import MixtralTop2Router
from reference_impls.designs.orthogonality_loss.config import OMoEConfig

SMALLEST_NORM = 1e-6  # an output that the experts before it span becomes zero, not noise of length one


class OMoELayer(MoELayer):
    """Mixtral's routing over experts that are kept apart; see README.md."""

    experts: ExpertBank

    def __init__(self, config: OMoEConfig) -> None:
        super().__init__(MixtralTop2Router(config), expert_bank(config))
        self.config = config
        self.scale = (config.d_model / (2 * config.n_layers)) ** 0.5

    def combine(self, x_TD: Tensor, routing: Routing) -> Tensor:
        """Weighted outputs, orthonormal for each token if the config says so."""
        if self.config.orthogonality == "loss":
            return super().combine(x_TD, routing)
        assert isinstance(routing, SparseRouting)
        K = self.config.experts_per_token
        expert_TK, weight_TK = routing.expert_A.view(-1, K), routing.weight_A.view(-1, K)
        token_T, one_T = torch.arange(len(x_TD), device=x_TD.device), torch.ones_like(weight_TK[:, 0])
        outputs = [
            combine(x_TD, replace(routing, token_A=token_T, expert_A=expert_T, weight_A=one_T), self.experts)
            for expert_T in expert_TK.T
        ]
        basis_TKD = orthonormalise(torch.stack(outputs, dim=1))
        return torch.einsum("tk,tkd->td", self.scale * weight_TK, basis_TKD.to(weight_TK.dtype)).to(x_TD.dtype)

    def expert_losses(self, x_TD: Tensor, routing: Routing) -> dict[str, AuxiliaryLoss]:
        """The penalty on inner products of experts."""
        if self.config.orthogonality != "loss":
            return {}
        loss = orthogonality_loss(self.experts)
        return {"orthogonality": AuxiliaryLoss(loss, self.config.orthogonality_coefficient)}


def orthogonality_loss(bank: ExpertBank) -> Tensor:
    """Sum over ordered pairs of different experts of the squared inner product of all their weights."""
    weight_EW = torch.cat([bank.w_in_EID.flatten(1), bank.w_out_EDF.flatten(1)], dim=1)
    gram_EE = float32_linear(weight_EW, weight_EW)
    return (gram_EE - torch.diag(gram_EE.diagonal())).square().sum()


def orthonormalise(output_TKD: Tensor) -> Tensor:
    """Gram-Schmidt over the second axis, in at least float32; what is already spanned becomes zero."""
    float32_TKD = as_float32(output_TKD)
    basis: list[Tensor] = []
    for rest_TD in float32_TKD.unbind(1):
        for unit_TD in basis:
            rest_TD = rest_TD - (unit_TD * rest_TD).sum(-1, keepdim=True) * unit_TD
        length_T1 = (rest_TD.square().sum(-1, keepdim=True) + SMALLEST_NORM**2).sqrt()
        basis.append(rest_TD / length_T1)
    return torch.stack(basis, dim=1)


make_layer = OMoELayer
DESIGN = Design(make_layer)

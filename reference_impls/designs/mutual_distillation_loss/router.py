"""The router of MoDE; the page is README.md."""

import torch
from torch import Tensor
from torch.nn import functional as F

from reference_impls.core.build import expert_bank
from reference_impls.core.design import Design
from reference_impls.core.experts import ExpertBank
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import AuxiliaryLoss, Routing, as_float32
from reference_impls.designs.mixtral_top2_router.router import MixtralTop2Router
from reference_impls.designs.mutual_distillation_loss.config import MoDEConfig


class MoDELayer(MoELayer):
    """Mixtral's routing over experts that teach each other in training; see README.md."""

    experts: ExpertBank

    def __init__(self, config: MoDEConfig) -> None:
        super().__init__(MixtralTop2Router(config), expert_bank(config))
        self.config = config

    def expert_losses(self, x_TD: Tensor, routing: Routing) -> dict[str, AuxiliaryLoss]:
        """In training, the divergence of all experts on a random share of the tokens."""
        if not self.training:
            return {}
        T = len(x_TD)
        n = max(round(self.config.distilled_fraction * T), min(1, T))
        sampled_TD = x_TD[torch.randperm(T, device=x_TD.device)[:n]]
        outputs_ETD = all_outputs(sampled_TD, self.experts)
        divergence = kl_divergence if self.config.divergence == "kl" else squared_difference
        loss = divergence(outputs_ETD).sum() / max(n, 1)
        return {"distillation": AuxiliaryLoss(loss, self.config.distillation_coefficient)}


def all_outputs(x_TD: Tensor, bank: ExpertBank) -> Tensor:
    """Outputs [E, T, D] of every expert for every token, in at least float32."""
    hidden_ETF = bank.activate(torch.einsum("td,eid->eti", x_TD, bank.w_in_EID))
    output_ETD = torch.einsum("etf,edf->etd", hidden_ETF, bank.w_out_EDF)
    return as_float32(output_ETD)


def kl_divergence(output_ETD: Tensor) -> Tensor:
    """For each token [T] the mean over ordered pairs of experts of KL(q_i || q_j); 0 of one expert."""
    E = len(output_ETD)
    log_ETD = F.log_softmax(output_ETD, dim=-1)
    q_ETD = log_ETD.exp()
    total_T = E * (q_ETD * log_ETD).sum((0, 2)) - (q_ETD.sum(0) * log_ETD.sum(0)).sum(-1)
    return total_T / max(E * (E - 1), 1)


def squared_difference(output_ETD: Tensor) -> Tensor:
    """For each token [T] the mean over ordered pairs of experts and coordinates of the squared difference."""
    E, _, D = output_ETD.shape
    total_T = 2 * E * (output_ETD - output_ETD.mean(0)).square().sum((0, 2))
    return total_T / (max(E * (E - 1), 1) * D)


make_layer = MoDELayer
DESIGN = Design(make_layer)

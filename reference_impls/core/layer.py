"""The mixture-of-experts layer: a router, a bank of experts, and the dispatch between them."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reference_impls.core.dispatch import dispatch_sorted
from reference_impls.core.experts import ExpertBank
from reference_impls.core.routing import AuxiliaryLoss, Router, RoutingContext, SparseRouting


@dataclass(frozen=True)
class LayerInfo:
    """What a layer reports beside its output; `routing.token_A` counts over batch * sequence."""

    routing: SparseRouting

    @property
    def losses(self) -> dict[str, AuxiliaryLoss]:
        """Auxiliary losses by name, unscaled, with their coefficients."""
        return self.routing.losses


class MoELayer(nn.Module):
    """Takes the place of a transformer's feed-forward; any router works with any bank of experts.

    Args:
        router: sends tokens to experts.
        experts: the routed experts.
        shared: a bank of one, which every token passes through with weight one.
    """

    def __init__(self, router: Router, experts: ExpertBank, shared: ExpertBank | None = None) -> None:
        super().__init__()
        self.router = router
        self.experts = experts
        self.shared = shared

    def forward(self, x_BSD: Tensor, real_BS: Tensor | None = None) -> tuple[Tensor, LayerInfo]:
        """Route, compute, combine.

        Args:
            x_BSD: inputs, [batch, sequence, d_model].
            real_BS: bool, False marks padding. Padding takes no part in routing, capacity or losses, and
                its output is zero.

        Returns:
            The output in the shape and dtype of `x_BSD`, and the layer's report.
        """
        B, S, D = x_BSD.shape
        x_TD = x_BSD.reshape(B * S, D)
        sequence_T = torch.arange(B, device=x_BSD.device).repeat_interleave(S)
        if real_BS is None:
            routing = self.router(x_TD, RoutingContext(sequence_T, B))
        else:
            (kept_T,) = torch.where(real_BS.reshape(B * S))
            packed = self.router(x_TD[kept_T], RoutingContext(sequence_T[kept_T], B))
            routing = packed.at_tokens(kept_T)
        y_TD = dispatch_sorted(x_TD, routing, self.experts)
        if self.shared is not None and real_BS is None:
            y_TD = y_TD + self.shared(x_TD, 0)
        elif self.shared is not None:
            y_TD = y_TD.index_add(0, kept_T, self.shared(x_TD[kept_T], 0))
        return y_TD.view(B, S, D), LayerInfo(routing)


class DenseLayer(nn.Module):
    """The feed-forward of a layer without experts: a bank of one, no router."""

    def __init__(self, experts: ExpertBank) -> None:
        super().__init__()
        if experts.n_experts != 1:
            raise ValueError(f"a dense layer takes a bank of one expert, not {experts.n_experts}")
        self.experts = experts

    def forward(self, x_BSD: Tensor) -> Tensor:
        """Output in the shape of the input."""
        B, S, D = x_BSD.shape
        output_TD: Tensor = self.experts(x_BSD.reshape(B * S, D), 0)
        return output_TD.view(B, S, D)

"""The MoE layer: a router, a bank of experts, and what joins them."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reference_impls.core.combine import combine
from reference_impls.core.experts import ExpertBank, Experts
from reference_impls.core.routing import AuxiliaryLoss, ContextName, Progress, Router, Routing, RoutingContext


@dataclass(frozen=True)
class LayerInfo:
    """What a layer reports beside its output; the routing's tokens are the real ones, padding left out."""

    routing: Routing

    @property
    def losses(self) -> dict[str, AuxiliaryLoss]:
        """Auxiliary losses by name, unscaled, with their coefficients."""
        return self.routing.losses

    @property
    def stats(self) -> dict[str, float]:
        """The design's own measurements by name."""
        return self.routing.stats


class MoELayer(nn.Module):
    """Takes the place of a transformer's feed-forward; any router works with any bank of experts.

    Designs that need more than a router override one of three hooks: `view` and `unview` (what a token is, for
    the router and the experts), `combine` (how outputs are made), `expert_losses` (losses that look at the
    experts' outputs).

    Args:
        router: sends tokens to experts.
        experts: the routed experts.
        shared: a bank of one, which every token passes through, with weight one or `Routing.shared_T`.
    """

    def __init__(self, router: Router, experts: Experts, shared: ExpertBank | None = None) -> None:
        super().__init__()
        self.router = router
        self.experts = experts
        self.shared = shared

    def forward(
        self,
        x_BSD: Tensor,
        real_BS: Tensor | None = None,
        *,
        token_id: Tensor | None = None,
        domain: Tensor | None = None,
        task: Tensor | None = None,
    ) -> tuple[Tensor, LayerInfo]:
        """Route, compute, combine.

        Args:
            x_BSD: inputs, [batch, sequence, d_model].
            real_BS: bool, False marks padding. Padding takes no part in routing, capacity or losses, and
                its output is zero.
            token_id: what each token is, int64 [batch, sequence], for designs that route by it.
            domain: domain of each sequence, int64 [batch], likewise.
            task: task of each sequence, int64 [batch], likewise.

        Returns:
            The output in the shape and dtype of `x_BSD`, and the layer's report.

        Raises:
            ValueError: if the design needs a context that was not given.
        """
        B, S, D = x_BSD.shape
        x_TD = x_BSD.reshape(B * S, D)
        sequence_T = torch.arange(B, device=x_BSD.device).repeat_interleave(S)
        given: dict[ContextName, Tensor] = {}
        if token_id is not None:
            given["token_id"] = token_id.reshape(B * S)
        if domain is not None:
            given["domain"] = domain.repeat_interleave(S)
        if task is not None:
            given["task"] = task.repeat_interleave(S)
        if real_BS is None:
            y_TD, info = self._mix(x_TD, RoutingContext.of_sequences(sequence_T, B, given))
            return y_TD.to(x_BSD.dtype).view(B, S, D), info
        (kept_T,) = torch.where(real_BS.reshape(B * S))
        given = {name: value[kept_T] for name, value in given.items()}
        y_TD, info = self._mix(x_TD[kept_T], RoutingContext.of_sequences(sequence_T[kept_T], B, given))
        return torch.zeros_like(x_TD).index_copy(0, kept_T, y_TD.to(x_BSD.dtype)).view(B, S, D), info

    def _mix(self, x_TD: Tensor, context: RoutingContext) -> tuple[Tensor, LayerInfo]:
        seen_TD, seen_context = self.view(x_TD, context)
        # Routers compute in float32 at least: in a narrower type rounding would flip the choice of experts.
        with torch.autocast(x_TD.device.type, enabled=False):
            routing = self.router(seen_TD, seen_context)
        y_TD = self.combine(seen_TD, routing)
        losses = self.expert_losses(seen_TD, routing)
        if routing.identity_T is not None:
            y_TD = y_TD + routing.identity_T[:, None].to(seen_TD.dtype) * seen_TD
        y_TD = self.unview(y_TD)
        if self.shared is not None:
            shared_TD = self.shared(x_TD, 0)
            if routing.shared_T is not None:
                shared_TD = routing.shared_T[:, None].to(shared_TD.dtype) * shared_TD
            y_TD = y_TD + shared_TD
        return y_TD, LayerInfo(routing.with_losses(losses) if losses else routing)

    def view(self, x_TD: Tensor, context: RoutingContext) -> tuple[Tensor, RoutingContext]:
        """What the router and the experts see as tokens; by default the tokens."""
        return x_TD, context

    def unview(self, y_TD: Tensor) -> Tensor:
        """From outputs of what `view` made back to one output a token."""
        return y_TD

    def combine(self, x_TD: Tensor, routing: Routing) -> Tensor:
        """Outputs of the routed experts."""
        return combine(x_TD, routing, self.experts)

    def expert_losses(self, x_TD: Tensor, routing: Routing) -> dict[str, AuxiliaryLoss]:
        """Losses that look at the experts' outputs or weights, in training; none by default."""
        return {}

    def routed_parameters(self) -> int:
        """Parameters of the routed experts together."""
        return sum(weight.numel() for weight in self.experts.parameters())

    def path_parameters(self) -> int:
        """Parameters on a token's way to the output, as experts are, that no router chooses among: by default what is
        neither the router's nor an expert's."""
        parts = (self.router, self.experts, *((self.shared,) if self.shared is not None else ()))
        within = sum(weight.numel() for part in parts for weight in part.parameters())
        return int(sum(weight.numel() for weight in self.parameters()) - within)

    def idle_parameters(self, active_experts: float) -> float:
        """Parameters that one token does not use: the experts that it does not visit, and what the router keeps for
        other tokens."""
        unvisited = 1 - active_experts / self.experts.n_experts
        return unvisited * self.routed_parameters() + self.router.idle_parameters()

    def on_step(self, info: LayerInfo, progress: Progress) -> None:
        """After an optimiser step, with what the layer reported of that step's batch."""
        self.router.on_step(info.routing, progress)

    def load_transformers_block(self, block: nn.Module) -> None:
        """Take over the weights of the corresponding mixture-of-experts block of transformers.

        Raises:
            ValueError: naming what does not fit.
        """
        from reference_impls.core.transformers_block import load_block

        load_block(self, block)


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

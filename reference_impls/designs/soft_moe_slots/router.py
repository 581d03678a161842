"""The router of Soft MoE; the page is README.md."""

import torch
from torch import Tensor, nn

from reference_impls.core.build import moe_layer
from reference_impls.core.design import Design
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import Router, RoutingContext, SoftRouting, entropy
from reference_impls.core.soft import cosine_logits, group_softmax, slot_entropy
from reference_impls.designs.soft_moe_slots.config import SoftMoEConfig


class SlotRouter(Router):
    """Cosine logits of tokens and slots, softmax over either; see README.md."""

    def __init__(self, n_experts: int, slots_per_expert: int, d_model: int, initial_scale: float) -> None:
        super().__init__(n_experts)
        self.slot_ESD = nn.Parameter(torch.randn(n_experts, slots_per_expert, d_model) * d_model**-0.5)
        self.scale = nn.Parameter(torch.tensor(initial_scale))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SoftRouting:
        """Mix the tokens of each sequence into slots, and back."""
        return self.route(x_TD, context.sequence_T, context.n_sequences)

    def route(self, x_TD: Tensor, group_T: Tensor, n_groups: int) -> SoftRouting:
        """Mix the tokens of each group into slots, and back."""
        logit_TES = cosine_logits(x_TD, self.slot_ESD, self.scale)
        dispatch_TES = group_softmax(logit_TES, group_T, n_groups)
        combine_TES = logit_TES.flatten(1).softmax(-1).view_as(logit_TES)
        share_TE = combine_TES.detach().sum(-1)
        return SoftRouting(
            dispatch_TES=dispatch_TES,
            combine_TES=combine_TES,
            group_T=group_T,
            n_groups=n_groups,
            load_E=share_TE.sum(0),
            entropy=entropy(share_TE),
            n_tokens=len(x_TD),
            stats={"slot_entropy": slot_entropy(dispatch_TES, group_T, n_groups)},
        )


def make_layer(config: SoftMoEConfig) -> MoELayer:
    """A Soft MoE layer: slots and SwiGLU experts."""
    router = SlotRouter(config.n_experts, config.slots_per_expert, config.d_model, config.initial_scale)
    return moe_layer(config, router)


DESIGN = Design(make_layer)

"""The router of ST-MoE; the page is README.md."""

from dataclasses import replace

from torch import Tensor

from reference_impls.core.build import moe_layer
from reference_impls.core.design import Design
from reference_impls.core.experts import draw
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import router_z_loss
from reference_impls.core.routing import AuxiliaryLoss, RoutingContext, SparseRouting
from reference_impls.designs.gshard_top2.router import GShardTop2Router
from reference_impls.designs.st_moe_router.config import STMoEConfig


class STMoERouter(GShardTop2Router):
    """GShard's routing and the router z-loss; see README.md."""

    config: STMoEConfig

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its best expert and perhaps its second, while they have room."""
        routing = super().forward(x_TD, context)
        z_loss = AuxiliaryLoss(router_z_loss(self.logits(x_TD)), self.config.z_coefficient)
        return replace(routing, losses={**routing.losses, "router_z": z_loss})


def make_layer(config: STMoEConfig) -> MoELayer:
    """An ST-MoE layer: router and SwiGLU experts, initialised small."""
    layer = moe_layer(config, STMoERouter(config))
    for weight in layer.parameters():
        draw(weight, config.initial_scale)
    return layer


DESIGN = Design(make_layer)

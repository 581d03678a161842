"""The router of Lory; the page is README.md."""

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.merging import group_mean, merge_routing
from reference_impls.core.routing import LinearRouter, MergeRouting, RoutingContext
from reference_impls.designs.lory_segment_merging.config import LoryConfig


class SegmentRouter(LinearRouter[LoryConfig]):
    """Softmax of the mean token of the segment before; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> MergeRouting:
        """Weights of all experts for each segment."""
        segment_T, n_segments = self.segments(context)
        B, E = context.n_sequences, self.n_experts
        own_BNE = self.logits(group_mean(x_TD, segment_T, B * n_segments)).softmax(-1).view(B, n_segments, E)
        itself = self.config.first_segment == "itself"
        first_B1E = own_BNE[:, :1].detach() if itself else torch.full_like(own_BNE[:, :1], 1 / E)
        weight_BNE = torch.cat([first_B1E, own_BNE[:, :-1]], dim=1)
        return merge_routing(weight_BNE.flatten(0, 1), segment_T)

    def segments(self, context: RoutingContext) -> tuple[Tensor, int]:
        """The segment of each token, numbered sequence by sequence, and how many a sequence has at most."""
        place_T = context.position_T // self.config.segment_length
        n_segments = int(place_T.max()) + 1 if len(place_T) else 1
        return context.sequence_T * n_segments + place_T, n_segments


make_layer = routed_by(SegmentRouter, LoryConfig)
DESIGN = Design(make_layer)

"""The router of Mixture of Tokens; the page is README.md."""

from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.routing import LinearRouter, RoutingContext, SoftRouting, entropy
from reference_impls.core.soft import group_softmax, slot_entropy
from reference_impls.designs.mixture_of_tokens.config import MixtureOfTokensConfig


class TokenBlender(LinearRouter[MixtureOfTokensConfig]):
    """Blends tokens at one position of several sequences, once for each expert; see README.md."""

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SoftRouting:
        """One blend a group and expert."""
        group_T, n_groups = self.groups(context)
        weight_TE = group_softmax(self.logits(x_TD) / self.config.temperature, group_T, n_groups)
        weight_TES = weight_TE[..., None]
        return SoftRouting(
            dispatch_TES=weight_TES,
            combine_TES=weight_TES,
            group_T=group_T,
            n_groups=n_groups,
            load_E=weight_TE.detach().sum(0),
            entropy=entropy(weight_TE / weight_TE.sum(-1, keepdim=True)),
            n_tokens=len(x_TD),
            stats={"slot_entropy": slot_entropy(weight_TES, group_T, n_groups)},
        )

    def groups(self, context: RoutingContext) -> tuple[Tensor, int]:
        """The group of each token, and how many there are: positions times blocks of sequences."""
        n_blocks = -(-context.n_sequences // self.config.group_size)
        n_positions = int(context.position_T.max()) + 1 if len(context.position_T) else 0
        block_T = context.sequence_T // self.config.group_size
        return context.position_T * n_blocks + block_T, n_positions * n_blocks


make_layer = routed_by(TokenBlender, MixtureOfTokensConfig)
DESIGN = Design(make_layer)

"""Settings of GRIN's SparseMixer-v2 routing."""

from reference_impls.config import TopKConfig, loss_weight, setting


class SparseMixerConfig(TopKConfig):
    """GRIN layers: k SwiGLU experts a token, drawn one after the other in training."""

    relative_width: float = setting(
        0.2,
        "How far below the best logit an expert may lie to be drawn at all, relative to the larger of the two.",
        gt=0,
        le=2,
    )
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer")


LAYER = SparseMixerConfig

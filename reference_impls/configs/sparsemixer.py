"""Settings of GRIN's SparseMixer-v2 routing (`gating/sparsemixer.py`)."""

from reference_impls.configs.base import TopKConfig, loss_weight, setting
from reference_impls.entry import Entry


class SparseMixerConfig(TopKConfig):
    """GRIN layers: k SwiGLU experts a token, drawn one after the other in training."""

    relative_width: float = setting(
        0.2,
        "How far below the best logit an expert may lie to be drawn at all, relative to the larger of the two.",
        gt=0,
        le=2,
    )
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer")


ENTRIES = (
    Entry(
        key="sparsemixer-v2",
        name="SparseMixer-v2 (GRIN)",
        summary="Experts are drawn in training, and an estimator of third order gives the draw a gradient.",
        family="token choice",
        year=2024,
        designs=("sparsemixer-v2-router",),
        papers=("grin",),
        causal="yes",
        oracle="transformers: PhimoeSparseMoeBlock and sparsemixer, drawn alike in training, outputs and gradients",
        deviations=(
            "the range of logits to draw from is wider than the released configuration's, for a router that starts "
            "from nothing",
            "no jitter of the input",
            "any number of experts a token; the code of the oracle chooses two",
        ),
        config_class=SparseMixerConfig,
        gating="sparsemixer",
    ),
)

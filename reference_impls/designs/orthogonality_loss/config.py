"""Settings of experts kept apart by orthogonality, OMoE."""

from typing import Literal

from reference_impls.config import loss_weight, setting
from reference_impls.designs.mixtral_top2_router.config import MixtralTop2Config


class OMoEConfig(MixtralTop2Config):
    """Mixtral's routing; experts kept apart by a loss on their weights, or by orthogonalising their outputs."""

    orthogonality: Literal["loss", "gram-schmidt"] = setting(
        "loss",
        "What keeps experts apart: a penalty on the inner products of their weights, or a Gram-Schmidt process over "
        "the outputs of the experts of each token.",
    )
    orthogonality_coefficient: float = loss_weight(
        1e-3, "the orthogonality loss of each layer; unused with gram-schmidt"
    )


LAYER = OMoEConfig

"""Settings of experts kept apart by orthogonality, OMoE (`gating/omoe.py`)."""

from typing import Literal

from reference_impls.configs.base import loss_weight, setting
from reference_impls.configs.mixtral import MixtralTop2Config
from reference_impls.entry import Entry


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


ENTRIES = (
    Entry(
        key="omoe",
        name="OMoE",
        summary="A penalty on the inner products of the experts' weights keeps them from learning the same.",
        family="token choice",
        year=2025,
        designs=("orthogonality-loss",),
        papers=("omoe",),
        causal="yes",
        oracle="transformers: MixtralSparseMoeBlock for the routing; torch's QR decomposition for Gram-Schmidt; a "
        "float64 loop of the loss",
        deviations=(
            "the loss is that of the survey; the paper itself orthogonalises outputs, which is the other setting",
            "experts are feed-forwards trained from scratch, not low-rank adaptations of a pretrained model",
            "an expert's vector is all its weights; coefficient, order and scale of Gram-Schmidt are this project's",
        ),
        config_class=OMoEConfig,
        gating="omoe",
        gap="The sources at hand do not say in what order experts are made orthogonal, nor at what length.",
    ),
)

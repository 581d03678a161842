"""Settings of Uni-Perceiver-MoE's routing by token attributes (`gating/uni_perceiver.py`)."""

from typing import Literal

from reference_impls.configs.base import WORDS_PER_CLUSTER, TopKConfig, loss_weight, setting
from reference_impls.entry import Entry

BYTE_ATTRIBUTES = ("letter", "capital", "digit", "blank", "line break", "bracket", "other sign", "outside ASCII text")


class UniPerceiverConfig(TopKConfig):
    """The router reads attributes of the token that are laid down beforehand, not its vector."""

    router_activation: Literal["none", "gelu"] = setting(
        "none", "What stands between the router's map of the attributes and its norm."
    )
    noise: Literal["none", "gumbel", "normal"] = setting(
        "gumbel",
        "Noise on the logits in training: Gumbel noise for the choice alone, or normal noise for choice and weights.",
    )
    noise_scale: float = setting(
        1.0,
        "What the Gumbel noise is multiplied by; normal noise has this standard deviation divided by n_experts.",
        ge=0,
        le=100,
    )
    balance_coefficient: float = loss_weight(0.0, "the load-balancing loss of each layer (0: the loss is not computed)")

    @property
    def n_attributes(self) -> int:
        """Attributes of a byte, or binary digits of a word of the clustered task."""
        if self.task == "clusters":
            return (self.n_clusters * WORDS_PER_CLUSTER - 1).bit_length()
        return len(BYTE_ATTRIBUTES)

    @property
    def router_parameters(self) -> int:
        """Map with bias, norm with scale and shift, gate."""
        return (self.n_attributes + 3 + self.n_experts) * self.d_model


ENTRIES = (
    Entry(
        key="uni-perceiver",
        name="Uni-Perceiver conditional routing",
        summary="Attributes laid down for each kind of token, not the token's vector, are what the gate reads.",
        family="token choice",
        year=2022,
        designs=("conditional-router",),
        papers=("uni-perceiver-moe",),
        causal="yes",
        oracle="a float64 loop, outputs and gradients of the router's weights",
        deviations=(
            "the attributes are eight of a byte's kind, or the binary digits of a word; the paper's are of modality, "
            "task and attention",
            "of the five conditions that the paper compares, the attributes alone, as in the authors' code",
            "experts are whole feed-forward networks; the code routes each linear map, those of attention, too",
        ),
        config_class=UniPerceiverConfig,
        gating="uni_perceiver",
        needs=("token_id",),
    ),
)

"""Settings of Uni-Perceiver-MoE's routing by token attributes."""

from typing import Literal

from reference_impls.configs.base import WORDS_PER_CLUSTER, TopKConfig, loss_weight, setting

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


CONFIG = UniPerceiverConfig

"""Settings of Uni-Perceiver-MoE's routing by token attributes."""

from typing import ClassVar, Literal

from reference_impls.config import TaskDefaults, TopKConfig, VocabularyConfig, loss_weight, setting, words_of_clusters

BYTE_ATTRIBUTES = ("letter", "capital", "digit", "blank", "line break", "bracket", "other sign", "outside ASCII text")


class UniPerceiverConfig(TopKConfig, VocabularyConfig):
    """The router reads attributes of the token that are laid down beforehand, not its vector."""

    task_defaults: ClassVar[TaskDefaults] = {
        "clusters": {"attributes": "binary digits", "vocabulary": words_of_clusters}
    }

    attributes: Literal["kind of byte", "binary digits"] = setting(
        "kind of byte", "What the router reads of a token: the kind of its byte, or the binary digits of its id."
    )

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
        """How many attributes a token has."""
        return len(BYTE_ATTRIBUTES) if self.attributes == "kind of byte" else (self.vocabulary - 1).bit_length()


LAYER = UniPerceiverConfig

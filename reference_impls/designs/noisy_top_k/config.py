"""Settings of noisy top-k gating, and what two levels of it share."""

from reference_impls.config import LayerConfig, TopKConfig, expert_width, loss_weight, setting


class NoisyConfig(LayerConfig):
    """Losses and noise of both."""

    expert_kind = "relu"

    importance_coefficient: float = loss_weight(0.1, "the loss on uneven sums of weights of the experts, in each layer")
    load_coefficient: float = loss_weight(
        0.1, "the loss on uneven expected numbers of tokens of the experts, in each layer"
    )
    noise_floor: float = setting(
        0.01, "Added to the learned standard deviation of the noise on a logit in training.", gt=0, le=10
    )


class NoisyTopKConfig(NoisyConfig, TopKConfig):
    """Noisy top-k layers: k ReLU experts a token, chosen under learned noise, none dropped."""

    d_expert: int = expert_width(192)


LAYER = NoisyTopKConfig

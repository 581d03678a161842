"""Settings of ModuleFormer's gate and mutual-information loss."""

from reference_impls.config import TopKConfig, loss_weight, setting


class ModuleFormerConfig(TopKConfig):
    """ModuleFormer layers: a gate with a hidden layer, trained to tell tokens apart and to use all experts."""

    gate_hidden: int = setting(64, "Width of the gate's hidden layer.", ge=1, le=4096)
    gate_dropout: float = setting(0.1, "Dropout of the gate's hidden layer in training.", ge=0, lt=1)
    information_coefficient: float = loss_weight(
        0.01, "the loss that raises the mutual information of token and expert in each layer"
    )


LAYER = ModuleFormerConfig

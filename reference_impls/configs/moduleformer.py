"""Settings of ModuleFormer's gate and mutual-information loss (`gating/moduleformer.py`)."""

from reference_impls.configs.base import TopKConfig, loss_weight, setting
from reference_impls.entry import Entry


class ModuleFormerConfig(TopKConfig):
    """ModuleFormer layers: a gate with a hidden layer, trained to tell tokens apart and to use all experts."""

    gate_hidden: int = setting(64, "Width of the gate's hidden layer.", ge=1, le=4096)
    gate_dropout: float = setting(0.1, "Dropout of the gate's hidden layer in training.", ge=0, lt=1)
    information_coefficient: float = loss_weight(
        0.01, "the loss that raises the mutual information of token and expert in each layer"
    )

    @property
    def router_parameters(self) -> int:
        """Two matrices, and the bias of the first."""
        return self.gate_hidden * (self.d_model + 1 + self.n_experts)


ENTRIES = (
    Entry(
        key="moduleformer",
        name="ModuleFormer",
        summary="A small network chooses; training raises the mutual information of tokens and experts.",
        family="token choice",
        year=2023,
        designs=("moduleformer-router", "mutual-information-loss"),
        papers=("moduleformer",),
        causal="yes",
        oracle="torch: nn.Sequential for the gate, torch.distributions for the information; a float64 loop",
        deviations=(
            "feed-forward experts only; ModuleFormer routes its attention heads in the same way",
            "the loss is taken layer by layer; the authors' code can add up layers first",
            "a narrower gate and a larger coefficient, for a small model and short runs",
        ),
        config_class=ModuleFormerConfig,
        gating="moduleformer",
    ),
)

"""Settings of MEO."""

from typing import ClassVar

from reference_impls.config import FieldPairs, loss_weight, setting
from reference_impls.designs.smear.config import MergingConfig


class MEOConfig(MergingConfig):
    """MEO layers: the experts that a sequence selects are merged into one."""

    at_most: ClassVar[FieldPairs] = {"merged_experts": "n_experts"}

    merged_experts: int = setting(2, "Experts that a sequence selects and merges; at most n_experts.", ge=1, le=256)
    attention_reduction: int = setting(
        8, "How many times narrower than the tokens the token attention is; 1 wide at least.", ge=1, le=2048
    )
    noise_floor: float = setting(
        0.01, "Added to the learned deviation of the noise on the router's logits in training.", gt=0, le=10
    )
    balance_coefficient: float = loss_weight(0.01, "each of the two balancing losses of each layer")

    @property
    def attention_width(self) -> int:
        """Hidden width of the token attention."""
        return max(1, self.d_model // self.attention_reduction)


LAYER = MEOConfig

"""Settings of THOR's random experts."""

from typing import Literal

from reference_impls.config import TopOneConfig, expert_count, expert_width, setting

DrawUnit = Literal["batch", "sequence", "token"]


class ThorConfig(TopOneConfig):
    """ReLU experts drawn by chance; in training two draws, whose predictions are to agree."""

    expert_kind = "relu"

    n_experts: int = expert_count(4)
    d_expert: int = expert_width(384)
    consistency_coefficient: float = setting(
        1.0, "Weight of the symmetric Kullback-Leibler divergence between the two passes.", ge=0, le=100
    )
    draw_train: DrawUnit = setting("sequence", "What shares one draw of an expert in training, in each layer and pass.")
    draw_eval: DrawUnit = setting("token", "The same outside training.")

    @property
    def trained_experts(self) -> float:
        """One in each of two passes."""
        return 2


LAYER = ThorConfig

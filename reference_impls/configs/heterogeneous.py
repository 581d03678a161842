"""Settings of experts of different widths, and of gates that mind the cost (`gating/heterogeneous.py`)."""

from typing import Literal

from reference_impls.configs.base import TopKConfig, loss_weight, setting
from reference_impls.entry import Entry


class HeterogeneousConfig(TopKConfig):
    """HMoE layers: experts of different widths, and a loss that makes wide ones dear."""

    widths: Literal["arithmetic", "geometric", "hybrid", "equal"] = setting(
        "arithmetic",
        "How the experts' widths, d_expert on average, relate: from 9 to 23 in equal steps, each twice the one "
        "before, half 1 and a quarter each 2 and 4, or all equal.",
        group="model",
    )
    penalty_coefficient: float = loss_weight(
        0.1, "the parameter penalty of each layer: the load-balancing loss with loads in widths"
    )
    cost_weight: float = setting(
        0.0,
        "How much of an expert's width, in mean widths, is taken from its probability before experts are chosen.",
        ge=0,
        le=10,
    )

    @property
    def expert_widths(self) -> tuple[int, ...]:
        """Hidden width of each expert, narrow to wide; they add up to n_experts * d_expert."""
        n = self.n_experts
        parts = {
            "arithmetic": [9 + 14 * i / max(n - 1, 1) for i in range(n)],
            "geometric": [2.0**i for i in range(n)],
            "hybrid": [1.0] * (n // 2) + [2.0] * (n // 4) + [4.0] * (n - n // 2 - n // 4),
            "equal": [1.0] * n,
        }[self.widths]
        return _proportioned(n * self.d_expert, parts)


def _proportioned(total: int, parts: list[float]) -> tuple[int, ...]:
    """Whole numbers, at least 1, in about these proportions, that add up to `total`."""
    ideal = [total * part / sum(parts) for part in parts]
    whole = [max(int(share), 1) for share in ideal]
    left = total - sum(whole)
    if left < 0:  # Many a share below 1 was raised to 1: the largest pays.
        whole[-1] += left
    for i in sorted(range(len(parts)), key=lambda i: whole[i] - ideal[i])[: max(left, 0)]:
        whole[i] += 1
    return tuple(sorted(whole))


class CostAwareConfig(HeterogeneousConfig):
    """One expert of different widths a token, chosen by probability less a price for width."""

    d_expert: int = setting(
        256, "Hidden width of an expert on average, and of a dense feed-forward.", group="model", ge=4, le=16_384
    )
    experts_per_token: int = setting(1, "Experts that each token passes through; at most n_experts.", ge=1, le=256)
    penalty_coefficient: float = loss_weight(
        0.01, "the parameter penalty of each layer: the load-balancing loss with loads in widths"
    )
    cost_weight: float = setting(
        0.05,
        "How much of an expert's width, in mean widths, is taken from its probability before experts are chosen.",
        ge=0,
        le=10,
    )


ENTRIES = (
    Entry(
        key="heterogeneous",
        name="HMoE",
        summary="Experts of different widths; a penalty on the width in use keeps the narrow ones busy.",
        family="token choice",
        year=2024,
        designs=("heterogeneous-experts",),
        papers=("hmoe-heterogeneous",),
        causal="yes",
        oracle="transformers: OlmoeSparseMoeBlock where widths are equal; a float64 loop of the equations for others",
        deviations=(
            "widths in the penalty are relative to their mean, so that equal widths give the balancing loss",
            "top-k routing only; the paper also has top-p with an entropy loss",
            "weights are the chosen probabilities as they are, which the paper leaves open",
        ),
        config_class=HeterogeneousConfig,
        gating="heterogeneous",
        beyond="the width that a token passes through is chosen; counted is the mean of all experts",
    ),
    Entry(
        key="cost-aware",
        name="Cost-aware routing",
        summary="Each token takes the expert of largest probability less a price for the expert's width.",
        family="token choice",
        year=2024,
        designs=("cost-aware-routing",),
        papers=("hmoe-heterogeneous",),
        causal="yes",
        oracle="a float64 loop of the equations; transformers: OlmoeSparseMoeBlock where nothing has a price",
        deviations=(
            "the formula is the survey's; the paper that it cites has a loss instead of a price",
            "score is the softmax probability, cost the width relative to the mean, for which nothing is said",
            "the output is weighted by the probability, or the gate would learn nothing",
            "the parameter penalty of HMoE as balancing loss",
        ),
        config_class=CostAwareConfig,
        gating="heterogeneous",
        gap="The survey defines neither the score nor the cost in its formula.",
        beyond="the width that a token passes through is chosen; counted is the mean of all experts",
    ),
)

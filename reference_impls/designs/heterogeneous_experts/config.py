"""Settings of experts of different widths."""

from typing import Literal

from reference_impls.config import TopKConfig, loss_weight, setting


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


LAYER = HeterogeneousConfig

"""Settings of noisy top-k gating, flat and in two levels (`gating/noisy_topk.py`, `noisy_topk_hierarchical.py`)."""

from typing import Self

from pydantic import model_validator

from reference_impls.configs.base import RunConfig, TopKConfig, expert_width, loss_weight, setting
from reference_impls.entry import Entry


class _NoisyConfig(RunConfig):
    expert_kind = "relu"

    importance_coefficient: float = loss_weight(0.1, "the loss on uneven sums of weights of the experts, in each layer")
    load_coefficient: float = loss_weight(
        0.1, "the loss on uneven expected numbers of tokens of the experts, in each layer"
    )
    noise_floor: float = setting(
        0.01, "Added to the learned standard deviation of the noise on a logit in training.", gt=0, le=10
    )


class NoisyTopKConfig(_NoisyConfig, TopKConfig):
    """Noisy top-k layers: k ReLU experts a token, chosen under learned noise, none dropped."""

    d_expert: int = expert_width(192)

    @property
    def router_parameters(self) -> int:
        """Two maps: logits and noise."""
        return 2 * self.n_experts * self.d_model


class HierarchicalNoisyTopKConfig(_NoisyConfig):
    """Two-level noisy top-k layers: some groups of experts, and some experts of each of them."""

    n_experts: int = setting(
        16, "Experts in each mixture-of-experts layer; a multiple of n_groups.", group="model", ge=1, le=256
    )
    d_expert: int = expert_width(96)
    n_groups: int = setting(
        4, "Groups that the experts are divided into; the first gate chooses among them.", ge=1, le=128
    )
    groups_per_token: int = setting(2, "Groups of each token; at most n_groups.", ge=1, le=128)
    experts_per_group: int = setting(
        2, "Experts that a token passes through in each of its groups; at most n_experts / n_groups.", ge=1, le=256
    )

    @classmethod
    def with_experts(cls, n_experts: int, **fields: object) -> Self:
        """Pairs of experts where they can be paired, otherwise one group; half of the groups."""
        groups = n_experts // 2 if n_experts % 2 == 0 else 1
        bounds = {
            "n_groups": groups,
            "groups_per_token": min(2, groups),
            "experts_per_group": 1 if groups > 1 else min(2, n_experts),
        }
        return super().with_experts(n_experts, **(bounds | fields))

    @property
    def group_size(self) -> int:
        """Experts of a group."""
        return self.n_experts // self.n_groups

    @property
    def active_experts(self) -> float:
        """Some in each of some groups."""
        return self.groups_per_token * self.experts_per_group

    @property
    def router_parameters(self) -> int:
        """Two maps for the groups and two for the experts: logits and noise."""
        return 2 * (self.n_groups + self.n_experts) * self.d_model

    @model_validator(mode="after")
    def _groups_fit(self) -> Self:
        self.require_multiple("n_experts", "n_groups")
        if self.groups_per_token > self.n_groups:
            raise ValueError(f"groups_per_token = {self.groups_per_token} must be at most n_groups = {self.n_groups}")
        if self.experts_per_group > self.group_size:
            raise ValueError(
                f"experts_per_group = {self.experts_per_group} must be at most n_experts / n_groups = {self.group_size}"
            )
        return self


_DEVIATIONS = (
    "a transformer over bytes instead of convolutional use between LSTM layers",
    "experts without biases, and no sigmoid on their output",
    "0.01 is added to the noise's deviation, as in the authors' public code",
    "outside training, where there is no noise, the load loss shows the true counts",
)

ENTRIES = (
    Entry(
        key="noisy-topk",
        name="Noisy top-k",
        summary="Learned noise on the logits, the k best kept, a softmax over them; losses even importance and load.",
        family="token choice",
        year=2017,
        designs=("noisy-top-k", "importance-loss", "load-loss"),
        papers=("sparsely-gated-moe",),
        causal="yes",
        oracle="float64 loops over tokens; the load estimate against redrawn noise",
        deviations=_DEVIATIONS,
        config_class=NoisyTopKConfig,
        gating="noisy_topk",
    ),
    Entry(
        key="noisy-topk-hierarchical",
        name="Noisy top-k in two levels",
        summary="A noisy top-k gate chooses groups of experts, and one more in each chosen group its experts.",
        family="token choice",
        year=2017,
        designs=("hierarchical-noisy-top-k",),
        papers=("sparsely-gated-moe",),
        causal="yes",
        oracle="float64 loops over tokens, groups and experts",
        deviations=(*_DEVIATIONS, "second-level logits are computed for all groups, though only chosen ones are used"),
        config_class=HierarchicalNoisyTopKConfig,
        gating="noisy_topk_hierarchical",
    ),
)

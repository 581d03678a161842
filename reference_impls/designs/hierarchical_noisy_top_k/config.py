"""Settings of noisy top-k gating in two levels."""

from typing import ClassVar, Self

from pydantic import model_validator

from reference_impls.config import FieldPairs, expert_count, expert_width, setting
from reference_impls.designs.noisy_top_k.config import NoisyConfig


class HierarchicalNoisyTopKConfig(NoisyConfig):
    """Two-level noisy top-k layers: some groups of experts, and some experts of each of them."""

    multiples: ClassVar[FieldPairs] = {"n_experts": "n_groups"}
    at_most: ClassVar[FieldPairs] = {"groups_per_token": "n_groups"}

    n_experts: int = expert_count(16, "Experts in each MoE layer; a multiple of n_groups.")
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

    @model_validator(mode="after")
    def _groups_fit(self) -> Self:
        if self.experts_per_group > self.group_size:
            raise ValueError(
                f"experts_per_group = {self.experts_per_group} must be at most n_experts / n_groups = {self.group_size}"
            )
        return self


LAYER = HierarchicalNoisyTopKConfig

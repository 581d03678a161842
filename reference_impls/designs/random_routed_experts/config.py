"""Settings of PanGu-Sigma's random routed experts."""

from typing import Any, ClassVar, Self

from pydantic import model_validator

from reference_impls.configs.base import RuleConfig, TaskDefaults, expert_width, setting


class RandomRoutedExpertsConfig(RuleConfig):
    """A group of experts for each domain, and in it a random expert for each token id."""

    task_defaults: ClassVar[TaskDefaults] = {
        "clusters": {"cluster_unit": "sequence", "n_experts": 16, "domain_groups": 8,
        },
    }  # fmt: skip

    d_expert: int = expert_width(256)
    domain_groups: int = setting(
        4,
        "Groups that the experts are divided into, as evenly as they go; domain number d uses group d modulo this. "
        "At most n_experts.",
        ge=1,
        le=256,
    )
    vocabulary: int = setting(256, "Token ids: 256 bytes, or the words of the clustered task.", ge=1, le=1_000_000)

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """As many groups as by default, or one an expert."""
        groups = min(cls.model_fields["domain_groups"].default, n_experts)
        return super().with_experts(n_experts, **{"domain_groups": groups, **fields})

    @model_validator(mode="after")
    def _has_groups_and_domains(self) -> Self:
        if self.domain_groups > self.n_experts:
            raise ValueError(f"domain_groups = {self.domain_groups} must be at most n_experts = {self.n_experts}")
        if self.task == "clusters" and self.cluster_unit == "token":
            raise ValueError("cluster_unit = 'token': this design routes by the domain of a sequence; use 'sequence'")
        return self


CONFIG = RandomRoutedExpertsConfig

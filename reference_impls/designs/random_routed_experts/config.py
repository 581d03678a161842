"""Settings of PanGu-Sigma's random routed experts."""

from typing import Any, ClassVar, Self

from pydantic import model_validator

from reference_impls.config import TaskConfig, TaskDefaults, TopOneConfig, VocabularyConfig, expert_width, setting


class RandomRoutedExpertsConfig(TopOneConfig, VocabularyConfig):
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

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """As many groups as by default, or one an expert."""
        groups = min(cls.model_fields["domain_groups"].default, n_experts)
        return super().with_experts(n_experts, **{"domain_groups": groups, **fields})

    @model_validator(mode="after")
    def _has_groups_and_domains(self) -> Self:
        if self.domain_groups > self.n_experts:
            raise ValueError(f"domain_groups = {self.domain_groups} must be at most n_experts = {self.n_experts}")
        return self

    def check_task(self, task: TaskConfig) -> None:
        """Points have a domain where a sequence is of one cluster."""
        super().check_task(task)
        if task.name == "clusters" and task.cluster_unit == "token":
            raise ValueError("cluster_unit = 'token': this design routes by the domain of a sequence; use 'sequence'")


LAYER = RandomRoutedExpertsConfig

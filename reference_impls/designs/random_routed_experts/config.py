"""Settings of PanGu-Sigma's random routed experts."""

from typing import ClassVar

from reference_impls.config import (
    FieldPairs,
    TaskConfig,
    TaskDefaults,
    TopOneConfig,
    VocabularyConfig,
    expert_width,
    setting,
)


class RandomRoutedExpertsConfig(TopOneConfig, VocabularyConfig):
    """A group of experts for each domain, and in it a random expert for each token id."""

    at_most: ClassVar[FieldPairs] = {"domain_groups": "n_experts"}
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

    def check_task(self, task: TaskConfig) -> None:
        """Points have a domain where a sequence is of one cluster."""
        super().check_task(task)
        if task.name == "clusters" and task.cluster_unit == "token":
            raise ValueError("cluster_unit = 'token': this design routes by the domain of a sequence; use 'sequence'")


LAYER = RandomRoutedExpertsConfig

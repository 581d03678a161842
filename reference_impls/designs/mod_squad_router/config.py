"""Settings of Mod-Squad's task gates."""

from typing import ClassVar, Self

from pydantic import model_validator

from reference_impls.configs.base import TaskDefaults, TopKConfig, loss_weight, setting


class ModSquadConfig(TopKConfig):
    """Mod-Squad layers: a noisy gate for each task, SwiGLU experts that tasks share."""

    task_defaults: ClassVar[TaskDefaults] = {
        "clusters": {"cluster_unit": "sequence"},
    }

    n_tasks: int = setting(8, "Tasks, each with a gate; at least as many as domains or clusters.", ge=1, le=256)
    information_coefficient: float = loss_weight(
        0.01, "the loss that raises the mutual information of task and expert in each layer"
    )

    @property
    def router_parameters(self) -> int:
        """A weight and a noise weight of each expert for each task."""
        return 2 * self.n_tasks * self.n_experts * self.d_model

    @property
    def active_router_parameters(self) -> int:
        """The gate of the token's own task."""
        return 2 * self.n_experts * self.d_model

    @model_validator(mode="after")
    def _tasks_are_known(self) -> Self:
        if self.task == "clusters" and self.cluster_unit != "sequence":
            raise ValueError("cluster_unit must be 'sequence': a sequence's cluster is its task")
        needed = self.n_clusters if self.task == "clusters" else 4
        if self.n_tasks < needed:
            raise ValueError(f"n_tasks = {self.n_tasks} must be at least {needed} on the {self.task} task")
        return self


CONFIG = ModSquadConfig

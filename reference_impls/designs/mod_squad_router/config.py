"""Settings of Mod-Squad's task gates."""

from typing import ClassVar

from reference_impls.config import TaskConfig, TaskDefaults, TopKConfig, loss_weight, setting


class ModSquadConfig(TopKConfig):
    """Mod-Squad layers: a noisy gate for each task, SwiGLU experts that tasks share."""

    task_defaults: ClassVar[TaskDefaults] = {"clusters": {"cluster_unit": "sequence"}}

    n_tasks: int = setting(8, "Tasks, each with a gate; at least as many as domains or clusters.", ge=1, le=256)
    information_coefficient: float = loss_weight(
        0.01, "the loss that raises the mutual information of task and expert in each layer"
    )

    def check_task(self, task: TaskConfig) -> None:
        """Every domain or cluster has a gate."""
        super().check_task(task)
        if task.name == "clusters" and task.cluster_unit != "sequence":
            raise ValueError("cluster_unit must be 'sequence': a sequence's cluster is its task")
        needed = task.n_clusters if task.name == "clusters" else 4
        if self.n_tasks < needed:
            raise ValueError(f"n_tasks = {self.n_tasks} must be at least {needed} on the {task.name} task")


LAYER = ModSquadConfig

"""Settings of routing by a label that is known beforehand: a task or a language."""

from typing import ClassVar

from reference_impls.config import TaskDefaults, TopOneConfig, expert_count, expert_width


class TaskIdConfig(TopOneConfig):
    """One ReLU expert for each task, or for each group of tasks."""

    expert_kind = "relu"
    task_defaults: ClassVar[TaskDefaults] = {
        # A point's task is its sequence's cluster.
        "clusters": {"n_experts": 8, "cluster_unit": "sequence"}
    }

    n_experts: int = expert_count(
        4, "Experts in each MoE layer. Task t has expert t mod n_experts: with fewer experts than tasks, tasks share."
    )
    d_expert: int = expert_width(384)


LAYER = TaskIdConfig

"""Settings of learned task-level routing."""

from typing import ClassVar, Literal

from reference_impls.config import LayerConfig, TaskConfig, TaskDefaults, expert_count, expert_width, setting

TEXT_DOMAINS = 4  # prose, code, tests, data


class TaskLevelConfig(LayerConfig):
    """A router reads a learned vector of the task and picks the expert of each layer for it."""

    task_defaults: ClassVar[TaskDefaults] = {
        # A point's task is its sequence's cluster.
        "clusters": {"n_experts": 8, "n_tasks": 8, "cluster_unit": "sequence",
        },
    }  # fmt: skip

    n_experts: int = expert_count(4)
    d_expert: int = expert_width(256)
    n_tasks: int = setting(
        TEXT_DOMAINS, "Tasks that have a vector: at least the domains of the text or the clusters.", ge=1, le=4096
    )
    d_task: int = setting(64, "Width of the vector of a task.", ge=1, le=4096)
    d_router: int = setting(64, "Hidden width of the router.", ge=1, le=4096)
    selection: Literal["softmax", "gumbel_softmax", "gumbel_softmax_st"] = setting(
        "gumbel_softmax_st",
        "How the router's logits become weights of the experts in training: by softmax, by softmax of noisy "
        "logits, or as one expert by noisy choice whose gradient is that of the softmax (st). Outside training "
        "the two noisy kinds take the best expert alone.",
    )
    first_temperature: float = setting(2.0, "What the logits are divided by at first.", gt=0, le=100)
    last_temperature: float = setting(
        0.1, "The same at the last step, reached by the same factor each step.", gt=0, le=100
    )

    @property
    def active_experts(self) -> float:
        """One once trained, unless the softmax mixes all."""
        return self.n_experts if self.selection == "softmax" else 1

    @property
    def trained_experts(self) -> float:
        """All, of which the choice by noise weighs one alone."""
        return self.n_experts

    def check_task(self, task: TaskConfig) -> None:
        """Every task has a vector."""
        super().check_task(task)
        needed, what = (task.n_clusters, "n_clusters") if task.name == "clusters" else (TEXT_DOMAINS, "the domains")
        if self.n_tasks < needed:
            raise ValueError(f"n_tasks = {self.n_tasks} must be at least {needed}, {what}")


LAYER = TaskLevelConfig

"""What designs for several tasks share (`tasks/multitask.py`)."""

from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from reference_impls.configs.base import RunConfig, TaskDefaults, setting


class MultitaskConfig(RunConfig):
    """A design that is told the task of each sequence and treats it accordingly."""

    expert_kind = "relu"
    task_defaults: ClassVar[TaskDefaults] = {
        "multitask": {
            "steps": 1000, "batch_size": 8, "sequence_length": 32, "d_model": 32, "n_layers": 1, "n_heads": 1,
            "n_experts": 8, "d_expert": 16, "moe_every": 1, "learning_rate": 1e-2, "weight_decay": 0.0,
            "validation_every": 250, "validation_sequences": 128,
        },
        # A point's task is its cluster.
        "clusters": {"cluster_unit": "sequence", "n_clusters": 16, "n_tasks": 16,
        },
    }  # fmt: skip

    task: Literal["multitask", "clusters"] = setting(  # type: ignore[assignment]
        "multitask",
        "What is learnt: several regressions of the same inputs, or the label of points that come in clusters, each "
        "with a rule of its own, where the cluster is the task.",
        group="run",
    )
    n_tasks: int = setting(
        2,
        "Tasks: regressions of the same inputs; on the clustered task at least n_clusters.",
        group="tasks",
        ge=1,
        le=64,
    )
    task_correlation: float = setting(
        0.5, "Cosine of the directions that the labels of two tasks depend on: 0 unrelated, 1 the same task.",
        group="tasks", ge=0, le=1,
    )  # fmt: skip
    n_sines: int = setting(
        4, "Sines added to the linear part of a label, of rising frequency.", group="tasks", ge=0, le=32
    )
    label_noise: float = setting(0.01, "Standard deviation of the noise on a label.", group="tasks", ge=0, le=10)

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """With a task more than the two of the paper, or one for each cluster."""
        on_clusters = fields.get("task") == "clusters"
        n_tasks = cls.defaults_for("clusters")["n_tasks"] if on_clusters else 3
        return super().with_experts(n_experts, **{"n_tasks": n_tasks, **fields})

    @model_validator(mode="after")
    def _every_cluster_is_a_task(self) -> Self:
        if self.task == "clusters" and self.n_tasks < self.n_clusters:
            raise ValueError(f"n_tasks = {self.n_tasks} must be at least n_clusters = {self.n_clusters}")
        if self.task == "clusters" and self.cluster_unit != "sequence":
            raise ValueError("cluster_unit = 'token' must be 'sequence': this design is told the task of a sequence")
        return self

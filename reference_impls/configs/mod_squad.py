"""Settings of Mod-Squad's task gates (`gating/mod_squad.py`)."""

from typing import ClassVar, Self

from pydantic import model_validator

from reference_impls.configs.base import TaskDefaults, TopKConfig, loss_weight, setting
from reference_impls.entry import Entry


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


ENTRIES = (
    Entry(
        key="mod-squad",
        name="Mod-Squad",
        summary="A gate for each task sends tokens to shared experts; training raises what experts tell of tasks.",
        family="several tasks",
        year=2022,
        designs=("mod-squad-router", "mutual-information-loss"),
        papers=("mod-squad",),
        causal="yes",
        oracle="a float64 loop written from the authors' code; the information against scipy.stats",
        deviations=(
            "the domain of a text, or the cluster of a sequence, stands for the task",
            "noise in training alone; the authors' code adds it always",
            "feed-forward experts only, and no pruning to a network for each task",
        ),
        config_class=ModSquadConfig,
        gating="mod_squad",
        needs=("domain",),
    ),
)

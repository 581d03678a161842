"""Settings of the hierarchical mixture that learns by expectation maximisation."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from reference_impls.config import AllExpertsConfig, FieldPairs, TaskDefaults, TaskName, expert_width, setting

CLASSES = 8  # of the clustered task, one output of an expert each


class HMEConfig(AllExpertsConfig):
    """Two levels of softmax gates over linear experts."""

    multiples: ClassVar[FieldPairs] = {"n_experts": "n_groups"}

    # Expectation maximisation has no learning rate; a dense control is trained with it.
    run_defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 3e-2}
    task_defaults: ClassVar[TaskDefaults] = {
        "clusters": {
            "n_experts": 12, "n_groups": 4, "steps": 40,
            "batch_size": 256, "validation_every": 10, "learning_rate": 3e-2,
        },
    }  # fmt: skip

    tasks: ClassVar[tuple[TaskName, ...]] = ("clusters",)
    d_model: int = setting(32, "Coordinates of a point.", group="model", ge=16, le=2048)
    d_expert: int = expert_width(8, "Not used: an expert is linear, with one output a class.")
    n_groups: int = setting(2, "Groups of experts, each with a gate of its own; they divide n_experts.", ge=1, le=128)
    irls_steps: int = setting(
        1, "Least-squares steps of each gate and expert in a maximisation step.", unit="steps", ge=1, le=50
    )

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """Two groups where the experts can be halved, otherwise one."""
        return super().with_experts(n_experts, **{"n_groups": 2 if n_experts % 2 == 0 else 1, **fields})


LAYER = HMEConfig

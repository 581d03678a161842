"""Settings of the hierarchical mixture that learns by expectation maximisation."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from reference_impls.configs.base import RunConfig, TaskDefaults, setting

CLASSES = 8  # of the clustered task, one output of an expert each


class HMEConfig(RunConfig):
    """Two levels of softmax gates over linear experts."""

    task_defaults: ClassVar[TaskDefaults] = {
        "clusters": {
            "n_experts": 12, "n_groups": 4, "steps": 40,
            "batch_size": 256, "validation_every": 10, "learning_rate": 3e-2,
        },
    }  # fmt: skip

    task: Literal["clusters"] = Field(
        default="clusters",
        description="What is learnt: the label of points that come in clusters, each with a rule of its own.",
        # A choice of one would be a constant in the schema, which forms do not show.
        json_schema_extra={"group": "run", "enum": ["clusters"]},
    )
    d_model: int = setting(32, "Coordinates of a point.", group="model", ge=16, le=2048)
    d_expert: int = setting(
        8, "Not used: an expert is linear, with one output a class.", group="model", ge=4, le=16_384
    )
    learning_rate: float = setting(
        3e-2,
        "Not used: expectation maximisation has no learning rate. A dense control is trained with it.",
        group="batches and optimiser", gt=0, le=1,
    )  # fmt: skip
    n_groups: int = setting(2, "Groups of experts, each with a gate of its own; they divide n_experts.", ge=1, le=128)
    irls_steps: int = setting(
        1, "Least-squares steps of each gate and expert in a maximisation step.", unit="steps", ge=1, le=50
    )

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """Two groups where the experts can be halved, otherwise one."""
        return super().with_experts(n_experts, **{"n_groups": 2 if n_experts % 2 == 0 else 1, **fields})

    @property
    def active_experts(self) -> float:
        """All."""
        return self.n_experts

    @property
    def expert_parameters(self) -> int:
        """Coefficients and a constant for each class."""
        return CLASSES * (self.d_model + 1)

    @property
    def router_parameters(self) -> int:
        """Coefficients and a constant for each group and each expert."""
        return (self.n_groups + self.n_experts) * (self.d_model + 1)

    @model_validator(mode="after")
    def _groups_divide_experts(self) -> Self:
        self.require_multiple("n_experts", "n_groups")
        return self


CONFIG = HMEConfig

"""Settings of PLE."""

from typing import Any, ClassVar, Self

from pydantic import model_validator

from reference_impls.config import MultitaskConfig, TaskDefaults, setting


class PLEConfig(MultitaskConfig):
    """Experts of each task and experts for all, at several levels."""

    task_defaults: ClassVar[TaskDefaults] = {"clusters": {"n_experts": 20, "specific_experts": 1, "levels": 1}}

    specific_experts: int = setting(
        3, "Experts that belong to one task, for each; what remains of n_experts is shared by all tasks.", ge=0, le=64
    )
    levels: int = setting(
        2, "Levels of extraction, each with n_experts experts of its own (1: customised gate control).", ge=1, le=16
    )

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """As many experts a task as by default, or as leave one to share."""
        n_tasks = super().with_experts(n_experts, **{"specific_experts": 0, **fields}).n_tasks
        specific = min(cls.model_fields["specific_experts"].default, (n_experts - 1) // n_tasks)
        return super().with_experts(n_experts, **{"specific_experts": specific, **fields})

    @property
    def shared_experts(self) -> int:
        """Experts of each level that serve all tasks."""
        return self.n_experts - self.n_tasks * self.specific_experts

    @property
    def candidates(self) -> int:
        """Experts of a level that the gate of one task combines."""
        return self.specific_experts + self.shared_experts

    @property
    def active_experts(self) -> float:
        """Before the last level all, since the shared stream needs them; there those of the task and the shared."""
        return ((self.levels - 1) * self.n_experts + self.candidates) / self.levels

    @model_validator(mode="after")
    def _an_expert_is_left_to_share(self) -> Self:
        if self.shared_experts < 1:
            raise ValueError(
                f"n_experts = {self.n_experts} must be more than n_tasks * specific_experts = "
                f"{self.n_tasks * self.specific_experts}, so that an expert is left for all tasks to share"
            )
        return self


LAYER = PLEConfig

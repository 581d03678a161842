"""Settings of Lory."""

from typing import Any, ClassVar, Literal, Self

from reference_impls.config import LayerConfig, TaskDefaults, expert_width, setting


class LoryConfig(LayerConfig):
    """Lory layers: one merged expert a segment, averaged by what the segment before it says."""

    task_defaults: ClassVar[TaskDefaults] = {
        "clusters": {"cluster_unit": "sequence", "segment_length": 4, "d_expert": 4,
            "first_segment": "itself",
        },
    }  # fmt: skip

    d_expert: int = expert_width(256)
    segment_length: int = setting(
        32, "Tokens that share a merged expert, and whose mean decides about the next segment's.", unit="tokens", ge=1,
        le=2048,
    )  # fmt: skip
    first_segment: Literal["even", "itself"] = setting(
        "even",
        "What the first segment is merged by: all experts alike; or its own mean, without gradient, as in the paper, "
        "which lets its tokens see later ones.",
    )

    @classmethod
    def with_experts(cls, n_experts: int, **fields: Any) -> Self:
        """With segments so short that a short sequence has several."""
        return super().with_experts(n_experts, **{"segment_length": 4, **fields})

    @property
    def active_experts(self) -> float:
        """The merged one."""
        return 1


LAYER = LoryConfig

"""Settings of routing by a label that is known beforehand: a task or a language (`gating/task_id.py`)."""

from typing import ClassVar

from reference_impls.configs.base import RuleConfig, TaskDefaults, expert_width, setting
from reference_impls.entry import Entry


class TaskIdConfig(RuleConfig):
    """One ReLU expert for each task, or for each group of tasks."""

    expert_kind = "relu"
    task_defaults: ClassVar[TaskDefaults] = {
        # A point's task is its sequence's cluster.
        "clusters": {"n_experts": 8, "cluster_unit": "sequence"},
    }

    n_experts: int = setting(
        4,
        "Experts in each mixture-of-experts layer. Task t has expert t mod n_experts: with fewer experts than "
        "tasks, tasks share.",
        group="model",
        ge=1,
        le=256,
    )
    d_expert: int = expert_width(384)


ENTRIES = (
    Entry(
        key="task-id",
        name="Task and language routing",
        summary="The task or language of a sequence, known beforehand, names the one expert of all its tokens.",
        family="non-trainable",
        year=2020,
        designs=("task-id-routing", "language-routing"),
        papers=("task-moe", "m2m-100"),
        causal="yes",
        oracle="transformers: VitPoseBackboneMoeMLP, where experts share what its experts share; a float64 loop",
        deviations=(
            "the domain of a text (prose, code, tests, data) stands in for the task or the target language",
            "tasks are divided among fewer experts by their number, not by kinship",
            "a decoder-only byte-level language model instead of a translation model",
        ),
        config_class=TaskIdConfig,
        gating="task_id",
        clusters="uses",
        needs=("domain",),
    ),
)

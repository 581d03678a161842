"""Settings of the classic dense mixture."""

from typing import ClassVar

from reference_impls.config import AllExpertsConfig, TaskDefaults, expert_width, setting


class JacobsConfig(AllExpertsConfig):
    """Every token passes through all experts, weighted by a softmax."""

    # All experts together are as wide as the two of Mixtral here.
    d_expert: int = expert_width(32, "Hidden width of an expert; a token passes through all of them.")
    competition: bool = setting(
        True,
        "On the clustered task experts are scored one by one by the likelihood of their mixture (off: by the blend of "
        "their outputs). On text, where a layer has no target, outputs are blended.",
    )
    task_defaults: ClassVar[TaskDefaults] = {
        # More experts than clusters: competing experts that begin alike may share one, and seldom part again.
        "clusters": {"n_experts": 16, "d_expert": 8, "learning_rate": 3e-2,
        },
    }  # fmt: skip


LAYER = JacobsConfig

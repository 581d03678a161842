"""Settings of DEMix domain routing."""

from typing import ClassVar, Literal

from reference_impls.config import TaskDefaults, TopOneConfig, expert_count, expert_width, setting


class DemixConfig(TopOneConfig):
    """One ReLU expert for each domain; outside training all of them, mixed by what the text so far says."""

    expert_kind = "relu"
    task_defaults: ClassVar[TaskDefaults] = {
        # A point's domain is its sequence's cluster.
        "clusters": {"n_experts": 8, "cluster_unit": "sequence"}
    }

    n_experts: int = expert_count(
        4,
        "Experts in each MoE layer. Domain d has expert d mod n_experts: with fewer experts than "
        "domains, domains share.",
    )
    d_expert: int = expert_width(384)
    inference: Literal["history", "last", "average", "known"] = setting(
        "history",
        "Weights of the experts' predictions outside training: the domain's probability given all of the sequence "
        "so far, given its last prediction alone, the same for all, or the sequence's own domain.",
    )


LAYER = DemixConfig

"""Settings of DEMix domain routing (`gating/demix.py`)."""

from typing import ClassVar, Literal

from reference_impls.configs.base import RuleConfig, TaskDefaults, expert_width, setting
from reference_impls.entry import Entry


class DemixConfig(RuleConfig):
    """One ReLU expert for each domain; outside training all of them, mixed by what the text so far says."""

    expert_kind = "relu"
    task_defaults: ClassVar[TaskDefaults] = {
        # A point's domain is its sequence's cluster.
        "clusters": {"n_experts": 8, "cluster_unit": "sequence"},
    }

    n_experts: int = setting(
        4,
        "Experts in each mixture-of-experts layer. Domain d has expert d mod n_experts: with fewer experts than "
        "domains, domains share.",
        group="model",
        ge=1,
        le=256,
    )
    d_expert: int = expert_width(384)
    inference: Literal["history", "last", "average", "known"] = setting(
        "history",
        "Weights of the experts' predictions outside training: the domain's probability given all of the sequence "
        "so far, given its last prediction alone, the same for all, or the sequence's own domain.",
    )


ENTRIES = (
    Entry(
        key="demix",
        name="DEMix domain routing",
        summary="An expert for each domain of the training text; for other text their predictions are mixed by Bayes.",
        family="non-trainable",
        year=2021,
        designs=("demix-domain-routing",),
        papers=("demix",),
        causal="yes",
        oracle="a float64 loop: the layer, and Bayes' rule step by step",
        deviations=(
            "the prior over domains is uniform; the authors' estimate it on other text of the target",
            "given the whole history by default; the authors' code uses the last prediction",
            "validation text is of known domains, of which the model is not told",
        ),
        config_class=DemixConfig,
        gating="demix",
        beyond="outside training four whole passes, one a domain",
        clusters="uses",
        needs=("domain",),
    ),
)

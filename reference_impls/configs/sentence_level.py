"""Settings of sentence-level routing (`gating/sentence_level.py`)."""

from typing import ClassVar

from reference_impls.configs.base import TaskDefaults, TopKConfig, loss_weight
from reference_impls.entry import Entry


class SentenceLevelConfig(TopKConfig):
    """Layers that route whole sequences by their average."""

    task_defaults: ClassVar[TaskDefaults] = {
        # All points of a sequence share a cluster: otherwise the average says nothing.
        "clusters": {"cluster_unit": "sequence"},
    }

    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each layer, which counts sequences")


ENTRIES = (
    Entry(
        key="sentence-level",
        name="Sentence-level routing",
        summary="The average of a sequence's tokens is routed, and all of its tokens go to the experts of the average.",
        family="token choice",
        year=2021,
        designs=("sentence-level-routing",),
        papers=("task-moe",),
        causal="no",
        oracle="transformers: MixtralSparseMoeBlock on the averages; a float64 loop",
        deviations=(
            "top-2 with weights that add up to one, as in GShard; what the sources at hand define is the average",
            "no capacity",
            "a decoder-only byte-level model, whose average sees the future; the paper translates sentences",
        ),
        config_class=SentenceLevelConfig,
        gating="sentence_level",
        gap="The sources at hand define the average that is routed, not how experts are chosen from the gate's output.",
    ),
)

"""What designs that see a whole sequence at once share: they label images (`tasks/digits.py`)."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from reference_impls.configs.base import RunConfig, TaskDefaults, setting

DIGITS_DEFAULTS: Mapping[str, Any] = {
    "steps": 300, "batch_size": 32, "sequence_length": 16, "d_model": 64, "n_layers": 2, "n_heads": 4,
    "d_expert": 64, "moe_every": 1, "validation_every": 60, "validation_sequences": 320,
}  # fmt: skip
"""For `task_defaults["digits"]`: about seven times through the images."""


class DigitsConfig(RunConfig):
    """A design whose outputs depend on all tokens of a sequence: next-byte prediction would let it read ahead."""

    task_defaults: ClassVar[TaskDefaults] = {
        "digits": DIGITS_DEFAULTS,
    }

    task: Literal["digits", "clusters"] = setting(  # type: ignore[assignment]
        "digits",
        "What is learnt: which digit an image of 16 patches shows, or the label of points that come in clusters, "
        "each with a rule of its own.",
        group="run",
    )

"""What designs that see a whole sequence at once share if they are also shown on text, where they leak."""

from typing import ClassVar, Literal

from reference_impls.configs.base import RunConfig, TaskDefaults, setting
from reference_impls.configs.digits import DIGITS_DEFAULTS


class TextOrDigitsConfig(RunConfig):
    """A design made for language models, or usual in them, whose outputs depend on all tokens of a sequence."""

    task_defaults: ClassVar[TaskDefaults] = {
        "digits": DIGITS_DEFAULTS,
    }

    task: Literal["text", "digits", "clusters"] = setting(  # type: ignore[assignment]
        "text",
        "What is learnt: the next byte of text (this design can read ahead there), which digit an image of 16 patches "
        "shows, or the label of points that come in clusters, each with a rule of its own.",
        group="run",
    )

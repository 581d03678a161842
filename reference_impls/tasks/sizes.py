"""What each task puts around the feed-forwards, without torch: estimates of time and memory need it before a run."""

from collections.abc import Callable
from dataclasses import dataclass

from reference_impls.config import MultitaskConfig, RunConfig

VOCABULARY = 256  # bytes
POINT_CLASSES = 8
DIGITS = 10
IMAGE_SIDE, PATCH_SIDE = 8, 2  # pixels
PATCHES = (IMAGE_SIDE // PATCH_SIDE) ** 2
TOWER_WIDTH = 8


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What a task puts around the feed-forwards.

    Attributes:
        looked_up: parameters in tables of which a token reads a row.
        moe_layers: feed-forwards with experts.
        dense_layers: feed-forwards without.
        attention_layers: layers of attention.
        tokens_per_sequence: what the router sees of a sequence.
        copies: how often the batch passes through the feed-forwards.
        outputs: numbers predicted for each token.
        data_bytes: peak memory of reading the data.
    """

    looked_up: int = 0
    moe_layers: int = 1
    dense_layers: int = 0
    attention_layers: int = 0
    tokens_per_sequence: int
    copies: int = 1
    outputs: int
    data_bytes: int = 0


def frame(config: RunConfig) -> Frame:
    """What surrounds the feed-forwards of a model with this config."""
    return _FRAMES[config.task.name](config)


def _text(config: RunConfig) -> Frame:
    return _transformer(
        config,
        looked_up=VOCABULARY * config.layer.d_model,
        tokens=config.task.sequence_length,
        outputs=VOCABULARY,
        data_bytes=5 * config.task.domain_bytes,
    )


def _digits(config: RunConfig) -> Frame:
    return _transformer(config, looked_up=0, tokens=PATCHES, outputs=1)


def _transformer(config: RunConfig, *, looked_up: int, tokens: int, outputs: int, data_bytes: int = 0) -> Frame:
    layers = config.layer.n_layers
    moe_layers = sum(config.is_moe_layer(layer) for layer in range(layers))
    return Frame(
        looked_up=looked_up,
        moe_layers=moe_layers,
        dense_layers=layers - moe_layers,
        attention_layers=layers,
        tokens_per_sequence=tokens,
        outputs=outputs,
        data_bytes=data_bytes,
    )


def _clusters(config: RunConfig) -> Frame:
    return Frame(tokens_per_sequence=config.task.sequence_length, outputs=POINT_CLASSES)


def _multitask(config: RunConfig) -> Frame:
    copies = config.layer.n_tasks if isinstance(config.layer, MultitaskConfig) else 1
    return Frame(tokens_per_sequence=config.task.sequence_length, copies=copies, outputs=1)


_FRAMES: dict[str, Callable[[RunConfig], Frame]] = {
    "text": _text,
    "clusters": _clusters,
    "digits": _digits,
    "multitask": _multitask,
}

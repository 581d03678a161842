"""How large each task's model is around its feed-forwards, without torch: estimates need it before a run."""

from collections.abc import Callable
from dataclasses import dataclass

from reference_impls.configs.base import RunConfig

VOCABULARY = 256  # bytes
POINT_CLASSES = 8
DIGITS = 10
IMAGE_SIDE, PATCH_SIDE = 8, 2  # pixels
PATCHES = (IMAGE_SIDE // PATCH_SIDE) ** 2
TOWER_WIDTH = 8


@dataclass(frozen=True)
class Frame:
    """What a task puts around the feed-forwards.

    Attributes:
        parameters: of the model beside its feed-forwards; exact.
        looked_up: of these, those in tables of which a token reads a row.
        moe_layers: feed-forwards with experts.
        dense_layers: feed-forwards without.
        attention_layers: layers of attention.
        tokens_per_sequence: what the router sees of a sequence.
        copies: how often the batch passes through the feed-forwards.
        outputs: numbers predicted for each token.
        data_bytes: peak memory of reading the data.
    """

    parameters: int
    looked_up: int
    moe_layers: int
    dense_layers: int
    attention_layers: int
    tokens_per_sequence: int
    copies: int
    outputs: int
    data_bytes: int


def frame(config: RunConfig) -> Frame:
    """What surrounds the feed-forwards of a model with this config."""
    return _FRAMES[config.task](config)


def _text(config: RunConfig) -> Frame:
    return _transformer(
        config,
        table=VOCABULARY * config.d_model,
        rest=VOCABULARY * config.d_model,
        tokens=config.sequence_length,
        outputs=VOCABULARY,
        data_bytes=5 * config.domain_bytes,
    )


def _digits(config: RunConfig) -> Frame:
    D = config.d_model
    patches = PATCH_SIDE**2 * D + D + PATCHES * D
    return _transformer(config, table=0, rest=patches + DIGITS * D + DIGITS, tokens=PATCHES, outputs=1)


def _transformer(config: RunConfig, *, table: int, rest: int, tokens: int, outputs: int, data_bytes: int = 0) -> Frame:
    D, layers = config.d_model, config.n_layers
    moe_layers = sum(config.is_moe_layer(layer) for layer in range(layers))
    return Frame(
        parameters=table + rest + layers * (4 * D * D + 2 * D) + D,
        looked_up=table,
        moe_layers=moe_layers,
        dense_layers=layers - moe_layers,
        attention_layers=layers,
        tokens_per_sequence=tokens,
        copies=1,
        outputs=outputs,
        data_bytes=data_bytes,
    )


def _clusters(config: RunConfig) -> Frame:
    return _one_layer(config, POINT_CLASSES * config.d_model + POINT_CLASSES, copies=1, outputs=POINT_CLASSES)


def _multitask(config: RunConfig) -> Frame:
    tasks: int = getattr(config, "n_tasks")  # noqa: B009  the task is offered by configs that have the field only
    return _one_layer(config, tasks * ((config.d_model + 2) * TOWER_WIDTH + 1), copies=tasks, outputs=1)


def _one_layer(config: RunConfig, parameters: int, *, copies: int, outputs: int) -> Frame:
    return Frame(
        parameters=parameters,
        looked_up=0,
        moe_layers=1,
        dense_layers=0,
        attention_layers=0,
        tokens_per_sequence=config.sequence_length,
        copies=copies,
        outputs=outputs,
        data_bytes=0,
    )


_FRAMES: dict[str, Callable[[RunConfig], Frame]] = {
    "text": _text,
    "clusters": _clusters,
    "digits": _digits,
    "multitask": _multitask,
}

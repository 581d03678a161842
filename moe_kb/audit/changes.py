"""An architecture with one field changed: what would explain a size that does not follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from moe_kb.records.architecture import Architecture, LayerGroup
from moe_kb.records.sublayers import MATRICES, Attention, Dense, Expression, Mixture, SharedExperts, Sublayer
from moe_kb.sizing.parameters import edited, with_groups

Edit = Callable[[Sublayer], Sublayer]


def with_layers(architecture: Architecture, factor: float) -> Architecture | None:
    """The architecture with its groups repeated `factor` times as often; None where that makes no whole layers."""
    groups = [group for stack in architecture.stacks.values() for group in stack.groups]
    if any((group.repeat * factor) % 1 for group in groups if group.repeat > 1) or all(g.repeat == 1 for g in groups):
        return None

    def of_group(group: LayerGroup) -> LayerGroup:
        return group.model_copy(update={"repeat": int(group.repeat * factor)}) if group.repeat > 1 else group

    return with_groups(architecture, of_group)


def _scaled(kind: type[Sublayer], field: str, factor: float) -> Edit:
    def edit(sublayer: Sublayer) -> Sublayer:
        value = getattr(sublayer, field, None)
        value = value.value if isinstance(value, Expression) else value
        if not isinstance(sublayer, kind) or not value or (value * factor) % 1:
            return sublayer
        update: dict[str, object] = {field: int(value * factor)}
        shared = getattr(sublayer, "shared", None)
        if field == "d_expert" and shared is not None and shared.d_expert == value:
            update["shared"] = shared.model_copy(update={"d_expert": int(value * factor)})  # one width for all
        return sublayer.model_copy(update=update)

    return edit


#: Fields of sublayers that may be given twice or half as large, with the kind of sublayer that has them.
_FIELDS: tuple[tuple[type[Sublayer], str], ...] = (
    (Mixture, "n_routed_experts"),
    (Mixture, "experts_per_token"),
    (Mixture, "d_expert"),
    (Dense, "d_ffn"),
    (Attention, "n_heads"),
    (Attention, "n_kv_heads"),
    (Attention, "d_head"),
    (Sublayer, "kv_rank"),
    (Sublayer, "q_rank"),
)


def changed(architecture: Architecture) -> Iterator[tuple[str, Architecture]]:
    """Every single-field change that makes another architecture: a description, and the architecture."""
    for description, other in _changed(architecture):
        if other is not None and other != architecture:
            yield description, other


def _changed(architecture: Architecture) -> Iterator[tuple[str, Architecture | None]]:
    for factor, words in ((2.0, "doubled"), (0.5, "halved")):
        for name in ("d_model", "vocab_size"):
            value = getattr(architecture, name)
            if value and not (value * factor) % 1:
                yield f"{name} {words}", architecture.model_copy(update={name: int(value * factor)})
        yield f"n_layers {words}", with_layers(architecture, factor)
        for kind, field in _FIELDS:
            yield f"{field} {words}", edited(architecture, _scaled(kind, field, factor))
    yield "no shared experts", edited(architecture, _without_shared)
    yield "one shared expert more", edited(architecture, _with_one_shared_more)
    yield "one shared expert less", edited(architecture, _with_one_shared_less)
    yield "d_expert and d_ffn swapped", _swapped_widths(architecture)
    yield "n_heads and n_kv_heads swapped", edited(architecture, _swapped("n_heads", "n_kv_heads"))
    yield "n_heads and d_head swapped", edited(architecture, _swapped("n_heads", "d_head"))
    yield "n_routed_experts and d_expert swapped", edited(architecture, _swapped("n_routed_experts", "d_expert"))
    yield "two matrices a network, not three", edited(architecture, _regated(3, "gelu"))
    yield "three matrices a network, not two", edited(architecture, _regated(2, "swiglu"))
    if architecture.tied_embeddings is not None:
        tied = architecture.tied_embeddings
        yield f"embeddings {'not ' if tied else ''}tied", architecture.model_copy(update={"tied_embeddings": not tied})
    yield "experts in every layer", edited(architecture, _all_experts(architecture))


def _without_shared(sublayer: Sublayer) -> Sublayer:
    return sublayer.model_copy(update={"shared": None}) if isinstance(sublayer, Mixture) else sublayer


def _with_one_shared_more(sublayer: Sublayer) -> Sublayer:
    if not isinstance(sublayer, Mixture):
        return sublayer
    shared = sublayer.shared
    if shared is None:
        width = sublayer.d_expert.value if isinstance(sublayer.d_expert, Expression) else sublayer.d_expert
        return sublayer.model_copy(update={"shared": SharedExperts(count=1, d_expert=width)}) if width else sublayer
    return sublayer.model_copy(update={"shared": shared.model_copy(update={"count": shared.count + 1})})


def _with_one_shared_less(sublayer: Sublayer) -> Sublayer:
    if not isinstance(sublayer, Mixture) or sublayer.shared is None or sublayer.shared.count == 1:
        return sublayer
    fewer = sublayer.shared.model_copy(update={"count": sublayer.shared.count - 1})
    return sublayer.model_copy(update={"shared": fewer})


def _swapped(left: str, right: str) -> Edit:
    """Two fields of one sublayer exchanged, where both are given."""

    def edit(sublayer: Sublayer) -> Sublayer:
        a, b = getattr(sublayer, left, None), getattr(sublayer, right, None)
        if not isinstance(a, int) or not isinstance(b, int):
            return sublayer
        return sublayer.model_copy(update={left: b, right: a})

    return edit


def _swapped_widths(architecture: Architecture) -> Architecture | None:
    sublayers = [s for stack in architecture.stacks.values() for layer in stack.layers() for s in layer]
    expert = {s.d_expert for s in sublayers if isinstance(s, Mixture) and isinstance(s.d_expert, int)}
    dense = {s.d_ffn for s in sublayers if isinstance(s, Dense) and isinstance(s.d_ffn, int)}
    if len(expert) != 1 or len(dense) != 1:
        return None
    (d_expert,), (d_ffn,) = expert, dense

    def edit(sublayer: Sublayer) -> Sublayer:
        if isinstance(sublayer, Mixture):
            return sublayer.model_copy(update={"d_expert": d_ffn})
        return sublayer.model_copy(update={"d_ffn": d_expert}) if isinstance(sublayer, Dense) else sublayer

    return edited(architecture, edit)


def _regated(matrices: int, activation: str) -> Edit:
    """Networks of so many matrices with an activation of the other kind."""

    def edit(sublayer: Sublayer) -> Sublayer:
        known = sublayer.activation if isinstance(sublayer, (Dense, Mixture)) else None
        if known is None or MATRICES[known] != matrices:
            return sublayer
        return sublayer.model_copy(update={"activation": activation})

    return edit


def _all_experts(architecture: Architecture) -> Edit:
    """Every dense network replaced by the mixture of the architecture, if it has but one kind of both."""
    sublayers = [s for stack in architecture.stacks.values() for layer in stack.layers() for s in layer]
    mixture = next((s for s in sublayers if isinstance(s, Mixture)), None)
    beside = any(
        sum(isinstance(s, (Dense, Mixture)) for s in layer) > 1
        for stack in architecture.stacks.values()
        for layer in stack.layers()
    )

    def edit(sublayer: Sublayer) -> Sublayer:
        return mixture if isinstance(sublayer, Dense) and mixture is not None and not beside else sublayer

    return edit

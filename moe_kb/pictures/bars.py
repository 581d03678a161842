"""A few models by size: all their parameters as a bar, those that a token uses as its filled part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from moe_kb.format import compact
from moe_kb.pictures.svg import Picture, Theme, box, document, words
from moe_kb.pictures.text import clipped, width_of

_WIDTH, _ROW, _MARGIN, _BAR = 320, 46, 12, 12
_TEXT = 12
#: Width of a bar at least, so that something is seen of it.
_LEAST = 2


@dataclass(frozen=True, slots=True)
class Sized:
    """A model with its parameters."""

    name: str
    total: float
    active: float


def bars(models: Sequence[Sized], *, theme: Theme) -> Picture:
    """Bars of models on one scale, in their order."""
    most = max((model.total for model in models), default=0) or 1
    room = _WIDTH - 2 * _MARGIN
    drawn = []
    for place, model in enumerate(models):
        top = _MARGIN + place * _ROW
        numbers = f"{compact(model.total)} · {compact(model.active)} active"
        whole, used = (max(_LEAST, room * number / most) for number in (model.total, model.active))
        name = clipped(model.name, _TEXT, room - width_of(numbers, _TEXT) - 8)
        drawn += [
            words(_MARGIN, top + 12, name, size=_TEXT, font_weight="600"),
            words(_WIDTH - _MARGIN, top + 12, numbers, size=_TEXT, look="muted", text_anchor="end"),
            box(_MARGIN, top + 19, whole, _BAR, "grey-fill"),
            box(_MARGIN, top + 19, used, _BAR, "blue"),
        ]
    said = "; ".join(f"{model.name}: {compact(model.total)}, {compact(model.active)} active" for model in models)
    return document(
        drawn,
        width=_WIDTH,
        height=2 * _MARGIN + len(models) * _ROW - 10,
        title="Parameters of models",
        alt=f"All parameters, and those that a token uses. {said}.",
        theme=theme,
    )

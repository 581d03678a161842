"""A few models by size: all their parameters as a bar, those that a token uses as its filled part."""

from __future__ import annotations

from collections.abc import Sequence

from moe_kb.format import compact
from moe_kb.pictures.svg import Picture, Theme, box, document, words
from moe_kb.pictures.text import clipped, width_of
from moe_kb.queries.models import ConfigurationRow

_WIDTH, _ROW, _MARGIN, _BAR = 320, 46, 12, 12
_TEXT = 12
#: Width of a bar at least, so that something is seen of it.
_LEAST = 2


def bars(models: Sequence[ConfigurationRow], *, theme: Theme) -> Picture:
    """Bars of configurations on one scale, in their order, by the names of their models."""
    sizes = [(row.name, row.number("params_total") or 0, row.number("params_active") or 0) for row in models]
    most = max((total for _, total, _ in sizes), default=0) or 1
    room = _WIDTH - 2 * _MARGIN
    drawn = []
    for place, (name, total, active) in enumerate(sizes):
        top = _MARGIN + place * _ROW
        numbers = f"{compact(total)} · {compact(active)} active"
        whole, used = (max(_LEAST, room * number / most) for number in (total, active))
        label = clipped(name, _TEXT, room - width_of(numbers, _TEXT) - 8)
        drawn += [
            words(_MARGIN, top + 12, label, size=_TEXT, font_weight="600"),
            words(_WIDTH - _MARGIN, top + 12, numbers, size=_TEXT, look="muted", text_anchor="end"),
            box(_MARGIN, top + 19, whole, _BAR, "grey-fill"),
            box(_MARGIN, top + 19, used, _BAR, "blue"),
        ]
    said = "; ".join(f"{name}: {compact(total)}, {compact(active)} active" for name, total, active in sizes)
    return document(
        drawn,
        width=_WIDTH,
        height=2 * _MARGIN + len(sizes) * _ROW - 10,
        title="Parameters of models",
        alt=f"All parameters, and those that a token uses. {said}.",
        theme=theme,
    )

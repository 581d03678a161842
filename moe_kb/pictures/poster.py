"""Pictures beside each other as one sheet: each named and sourced, with what they have in common said below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from moe_kb.pictures.svg import Picture, Theme, document, node, number, words
from moe_kb.pictures.text import SEPARATOR, Run, flowed, wrapped

_MARGIN, _GAP = 18, 28
_NAME, _NOTE = 18, 10
"""Sizes of text."""
_LEAST = 300
"""Width of a column at least, so that its name has room."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What a picture is made of."""

    label: str
    """What it is of."""
    alt: str
    parts: Sequence[Element]
    width: float
    height: float
    source: str = ""
    """Where it was read, where that is one place."""
    title: str = ""
    """What its picture is called, where that is not its label."""

    def picture(self, theme: Theme) -> Picture:
        """The picture by itself, without a name on it."""
        return document(
            self.parts, width=self.width, height=self.height, title=self.title or self.label, alt=self.alt, theme=theme
        )


def poster(panels: Sequence[Panel], notes: Sequence[str], *, theme: Theme) -> Picture:
    """Panels beside each other under their names; notes below all of them."""
    sheet: list[Element] = []
    x, bottom = float(_MARGIN), 0.0
    names = [wrapped(panel.label, _NAME, max(panel.width, _LEAST), bold=True) for panel in panels]
    top = _MARGIN + 24 * max(map(len, names)) + 10
    for panel, lines in zip(panels, names, strict=True):
        sheet += [words(x, _MARGIN + 20 + 24 * n, text, size=_NAME, font_weight=650) for n, text in enumerate(lines)]
        sheet.append(node("g", *panel.parts, transform=f"translate({number(x)} {number(top)})"))
        y = top + panel.height + 20
        width = max(panel.width, _LEAST)
        for text in wrapped(panel.source, _NOTE, width) if panel.source else []:
            sheet.append(words(x, y, text, size=_NOTE, look="muted"))
            y += 14
        x, bottom = x + width + _GAP, max(bottom, y)
    y = bottom + 10
    for line in flowed(map(Run, notes), x - _GAP - _MARGIN, _NOTE):
        sheet.append(words(_MARGIN, y, SEPARATOR.join(run.text for run in line), size=_NOTE, look="muted"))
        y += 14
    return document(
        sheet,
        width=x - _GAP + _MARGIN,
        height=y + _MARGIN,
        title=", ".join(panel.label for panel in panels),
        alt=" ".join(panel.alt for panel in panels),
        theme=theme,
    )

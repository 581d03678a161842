"""Text of pictures: cleaned, measured from above, and broken into lines."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

#: Widths of signs over the size of the font: those of a wide one (DejaVu Sans), rounded up, so that text fits whatever
#: font a reader has.
_WIDTHS = {
    0.3: "'Iijl", 0.35: " ,./:;\\|·", 0.4: "()-[]ft", 0.45: "!r", 0.5: '"*_`–', 0.55: "?csz", 0.6: "FLJkvxy",
    0.65: "$0123456789EPSTYabdeghnopqu{}", 0.7: "ABCKRVXZ", 0.75: "NU", 0.8: "&DGHOQ", 0.85: "#+<=>^w~×≠→⊕", 0.9: "M",
    1.0: "%@Wm…",
}  # fmt: skip
_WIDTH = {sign: width for width, signs in _WIDTHS.items() for sign in signs}
_BOLD = 1.14
SEPARATOR = " · "


def clean(text: object) -> str:
    """Text in one line, every sign of which shows itself: what XML cannot hold or would turn text round is replaced.

    >>> clean("a\\n b\\x00c")
    'a b�c'
    """
    return "".join(sign if sign.isprintable() else "�" for sign in " ".join(str(text).split()))


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Width of a text, at most, in the unit of `size`."""
    return sum(map(_share, text)) * size * (_BOLD if bold else 1)


def _share(sign: str) -> float:
    """Width of a sign over the size of the font."""
    width = _WIDTH.get(sign)
    if width is not None:
        return width
    if unicodedata.combining(sign):
        return 0.0
    return 1.3 if unicodedata.east_asian_width(sign) in "WF" or sign > "\uffff" else 1.0


def _fitting(text: str, size: float, width: float, *, bold: bool = False) -> int:
    """How many of the first signs fit; looks at no more than that."""
    taken = 0.0
    for n, sign in enumerate(text):
        taken += width_of(sign, size, bold=bold)
        if taken > width:
            return n
    return len(text)


def clipped(text: str, size: float, width: float) -> str:
    """The text, cut with an ellipsis where it is wider."""
    text = clean(text)
    if _fitting(text, size, width) == len(text):
        return text
    return f"{text[: _fitting(text, size, width - width_of('…', size))].rstrip()}…"


def wrapped(text: str, size: float, width: float, lines: int | None = None, *, bold: bool = False) -> list[str]:
    """The text in lines that are no wider; words wider than a line are broken, and the last of `lines` is cut."""
    out = [""]
    for word in clean(text).split():
        joined = f"{out[-1]} {word}".strip()
        if _fitting(joined, size, width, bold=bold) == len(joined):
            out[-1] = joined
            continue
        if out[-1]:
            out.append("")
        rest = word
        while (fits := max(1, _fitting(rest, size, width, bold=bold))) < len(rest):
            out[-1], rest = rest[:fits], rest[fits:]
            out.append("")
        out[-1] = rest
    if lines is not None and len(out) > lines:
        out = [*out[: lines - 1], clipped(" ".join(out[lines - 1 :]), size, width)]
    return out


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of a line; a lit one is bold and underlined."""

    text: str
    lit: bool = False


def flowed(runs: Iterable[Run], width: float, size: float, *, most: int = 8) -> list[list[Run]]:
    """Runs in lines of at most `width`, separated by middle dots; a run stays whole where it fits into a line.

    Args:
        runs: What is said, in its order.
        width: Of a line.
        size: Of the font.
        most: Lines at most; the last one ends in an ellipsis where there is more.
    """
    lines: list[list[Run]] = []
    room = 0.0
    gap = width_of(SEPARATOR, size)
    for run in runs:
        for number, text in enumerate(wrapped(run.text, size, width, bold=run.lit)):
            piece = replace(run, text=text)
            needed = width_of(text, size, bold=run.lit)
            if not text:
                continue
            if number or not lines or needed + gap > room:
                lines.append([piece])
                room = width - needed
            else:
                lines[-1].append(piece)
                room -= needed + gap
    if len(lines) > most:
        lines = [*lines[: most - 1], [Run("…")]]
    return lines

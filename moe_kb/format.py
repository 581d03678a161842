"""Numbers, bytes, rates, times, citations and names as people read them: each way of writing stands here once."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence


def compact(number: float | None, *, suffix: bool = True) -> str:
    """A number in a few digits; with `suffix=False` every digit of it. Empty for None.

    >>> compact(671026404352), compact(7168), compact(0.25), compact(671026404352, suffix=False)
    ('671B', '7,168', '0.25', '671,026,404,352')
    """
    if number is None:
        return ""
    if suffix:
        for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
            if abs(number) >= size:
                # Three digits of 999.7 billion or of 1,200 trillion would be written with an exponent.
                scaled = number / size
                return f"{scaled:.3g}{letter}" if abs(scaled) < 999.5 else f"{scaled:,.0f}{letter}"
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.4g}"


def bytes_text(number: float) -> str:
    """Bytes, in powers of ten.

    >>> bytes_text(1_342_052_808_704), bytes_text(200_704), bytes_text(12)
    ('1.34 TB', '201 kB', '12 B')
    """
    for unit, factor in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{number / factor:.3g} {unit}"
    return f"{number:.3g} B"


def rate_text(number: float, unit: str) -> str:
    """A rate.

    >>> rate_text(989e12, 'FLOP/s'), rate_text(3.35e12, 'B/s')
    ('989 TFLOP/s', '3.35 TB/s')
    """
    for letter, factor in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9)):
        if number >= (1e16 if letter == "P" else factor):
            return f"{number / factor:.4g} {letter}{unit}"
    return f"{number:.4g} {unit}"


def time_text(seconds: float) -> str:
    """A short time.

    >>> time_text(0.00154), time_text(2.5), time_text(3e-7)
    ('1.54 ms', '2.5 s', '0.3 µs')
    """
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def change_text(old: float, new: float) -> str:
    """What `new` is more or less than `old`, in percent; `none` where they are equal.

    >>> change_text(200, 210), change_text(4, 4)
    ('+5.00%', 'none')
    """
    return "none" if old == new else f"{new / old - 1:+.2%}"


def ordinal(number: int) -> str:
    """A place in an order.

    >>> ordinal(1), ordinal(12), ordinal(23)
    ('1st', '12th', '23rd')
    """
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def joined(*parts: str | None, separator: str = ", ") -> str:
    """The parts that are there, one after the other.

    >>> joined("DeepSeek", None, "2024-12")
    'DeepSeek, 2024-12'
    """
    return separator.join(part for part in parts if part)


def sentence_case(label: str) -> str:
    """A heading in sentence case, however it is printed; names with capitals inside stay.

    >>> sentence_case("MIXTURE OF EXPERTS MODELS"), sentence_case("Foundational MoE Layers"), sentence_case("NLP")
    ('Mixture of experts models', 'Foundational MoE layers', 'NLP')
    """
    shouted = label.isupper() and len(label.split()) > 2  # fewer words may be short forms

    def lowered(word: re.Match[str]) -> str:
        return word[0].lower() if shouted or word[0][1:].islower() else word[0]

    out = re.sub(r"\w+", lowered, label)
    first = re.match(r"[^\W\d_]+", out)
    # A first word with capitals inside keeps its small letter.
    return out[:1].upper() + out[1:] if first and first[0].islower() else out


def enumerated(words: Sequence[str]) -> str:
    """Words as they stand in a sentence.

    >>> enumerated(["ReLU"]), enumerated(["ReLU", "GeLU", "SwiGLU"])
    ('ReLU', 'ReLU, GeLU and SwiGLU')
    """
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def citation(source: str | None, locator: str | None = None, status: str = "reported") -> str:
    """Where a value was read; empty where no source is named.

    >>> citation("survey-a", "Table 2"), citation("survey-a", None, "derived"), citation(None)
    ('survey-a, Table 2', 'survey-a (derived)', '')
    """
    if not source:
        return ""
    return joined(source, locator) + (" (derived)" if status == "derived" else "")


def with_year(name: str, year: int | None) -> str:
    """A name with its year, since short names are not unique.

    >>> with_year("Switch Transformer", 2021), with_year("GShard", None)
    ('Switch Transformer (2021)', 'GShard')
    """
    return f"{name} ({year})" if year else name


def year_of(date: str | None) -> int | None:
    """Year of a date that may be partial.

    >>> year_of("2024-12"), year_of("early 2024"), year_of(None)
    (2024, None, None)
    """
    return int(date[:4]) if date and date[:4].isdigit() else None


def escaped(text: object) -> str:
    """Record text for a hover: Plotly reads a few tags, so the brackets are taken out.

    >>> escaped("k<E & more")
    'k&lt;E &amp; more'
    """
    return html.escape(str(text), quote=False)

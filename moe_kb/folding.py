"""Text without what people leave out when they type it: case, accents, strokes, ligatures."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

#: Letters without a decomposition, whose Unicode name does not say which Latin letters they stand for.
_NAMED = {"ETH": "d", "THORN": "th", "DOTLESS I": "i", "ENG": "n", "KRA": "k", "LONG S": "s", "SHARP S": "ss"}
_LETTER = re.compile(r"LATIN (?:SMALL|CAPITAL) (?:LETTER|LIGATURE) (.+?)(?: WITH .+)?")
#: A word of an index or a question: letters and digits. Longer ones are no words, and cost time.
_WORD = re.compile(r"[^\W_]{1,60}")


def plain_letters(text: str) -> str:
    """A text in small letters without accents; letters that have no decomposition become the Latin ones they stand for.

    Other scripts stay as they are.

    >>> plain_letters("Økland, Paweł, Kökpınar"), plain_letters("Straße Æon"), plain_letters("專家")
    ('okland, pawel, kokpinar', 'strasse aeon', '專家')
    """
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(_latin(letter) for letter in decomposed if not unicodedata.combining(letter))


@cache
def _latin(letter: str) -> str:
    if letter.isascii():
        return letter
    named = _LETTER.fullmatch(unicodedata.name(letter, ""))
    if not named:
        return letter
    if named[1] in _NAMED:
        return _NAMED[named[1]]
    return named[1].lower() if re.fullmatch("[A-Z]{1,2}", named[1]) else letter


def words(text: str) -> list[str]:
    """The words of a text in order, as they are compared.

    >>> words("Top-k gating in Qwen3-MoE (2025)")
    ['top', 'k', 'gating', 'in', 'qwen3', 'moe', '2025']
    """
    return _WORD.findall(plain_letters(text))


def fold(name: str) -> str:
    """A name without case, accents, spaces and punctuation (only `+` tells names apart): DeepSeek V3 is deepseekv3."""
    return "".join(letter for letter in plain_letters(name) if letter.isalnum() or letter == "+") or name

"""Texts as people and attackers type them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

#: Signs with a meaning to SQL, FTS5, Markdown, HTML, shells, terminals or Unicode.
SIGNS = (
    *"\"'`*^()[]{}<>:;,.!?@#$%&|\\/~+-=_\0\t\n\r\x1b\x7f\x85\x9b\xa0",
    *"\u200b\u200d\u200e\u202e\u2060\u2066\ufeff\ufffd\uffff\U0001f600\U000e0041",
    "--", "/*", "*/", "''", '""', "$$", "%00", "../", "<script>", "<a href=//x>", "[x](javascript:a)", "\x1b[2J",
    "\x1b]8;;http://x\x07", " OR ", " AND ", " NOT ", " NEAR(", "name:", "rowid:", "{name}", "0x", "1e999", "NaN",
    "\ud800", "é", "e\u0301", "ß", "İ", "ﬁ", "Ａ", "а",  # the last is Cyrillic
)  # fmt: skip


def text_of(random: Random, words: Sequence[str], longest: int = 6) -> str:
    """A few words and signs; now and then nothing, a piece of a word, or very much of one thing."""
    pieces: list[str] = []
    for _ in range(random.randrange(longest + 1)):
        dice = random.random()
        if dice < 0.5:
            pieces.append(random.choice(words))
        elif dice < 0.65:
            word = random.choice(words)
            start = random.randrange(len(word) + 1)
            pieces.append(word[start : start + random.randrange(1, 5)])
        elif dice < 0.95:
            pieces.append(random.choice(SIGNS))
        elif dice < 0.98:
            pieces.append(chr(random.choice((random.randrange(0x300), random.randrange(0x110000)))))
        else:
            pieces.append(random.choice((*words, *SIGNS)) * random.choice((50, 1000)))
    return random.choice(("", " ", "")).join(pieces)

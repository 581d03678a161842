"""Names of authors as sources print them, taken apart as BibTeX does: given names, particle, family name, suffix."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from moe_kb.folding import plain_letters

_SUFFIX = re.compile(r"(jr|sr)\.?|ii|iii|iv|2nd|3rd", re.IGNORECASE)
_GROUP = re.compile(
    r"\b(team|group|labs?|laboratory|laboratories|research|ai|inc|corp|corporation|company|ltd|llc|gmbh|consortium|"
    r"collaboration|foundation|institute|university|project|community|contributors|authors|organi[sz]ation|academy)\b",
    re.IGNORECASE,
)
#: Particles that some write with a capital; BibTeX knows only small ones, so these become part of the family name.
_CAPITAL = frozenset(
    {"De", "Del", "Della", "Des", "Di", "Da", "Dos", "Du", "La", "Le", "Van", "Von", "Den", "Der", "El"}
)


@dataclass(frozen=True, slots=True)
class Name:
    """An author: a person, or a group with all of its name in `family`."""

    family: str
    given: str = ""
    particle: str = ""
    """Small words before the family name: van, de."""
    suffix: str = ""
    is_group: bool = False

    @property
    def initials_only(self) -> bool:
        """Whether every given name is an initial."""
        return not self.is_group and all(len(re.sub(r"\W", "", word)) <= 1 for word in re.split(r"[\s-]+", self.given))


def parse_name(printed: str) -> Name:
    """A name as a source prints it, in either order.

    >>> parse_name("W. Fedus Jr.")
    Name(family='Fedus', given='W.', particle='', suffix='Jr.', is_group=False)
    >>> parse_name("Aaron van den Oord").particle, parse_name("Oord, Aaron van den").particle
    ('van den', 'van den')
    """
    printed = " ".join(printed.split())
    parts = [part.strip() for part in printed.split(",")]
    if any(not part for part in parts) or len(parts) > 3:
        return Name(printed, is_group=True)
    *_, last = parts
    suffix = ""
    if len(parts) > 1 and _SUFFIX.fullmatch(last):
        suffix = parts.pop()
    elif len(parts) == 3 and _SUFFIX.fullmatch(parts[1]):
        suffix = parts.pop(1)
    if len(parts) == 3 or _is_group(" ".join(parts)):
        return Name(printed, is_group=True)
    if len(parts) == 2:
        particle, family = _family(parts[0].split())
        given, after = _given(parts[1].split())
        return Name(family, given, particle or after, suffix)
    words = parts[0].split()
    if not suffix and len(words) > 2 and _SUFFIX.fullmatch(words[-1]):
        suffix = words.pop()
    if len(words) < 2:
        return Name(printed, is_group=True)
    start = next((i for i in range(1, len(words) - 1) if words[i][0].islower() or words[i] in _CAPITAL), len(words) - 1)
    particle, family = _family(words[start:])
    return Name(family, " ".join(words[:start]), particle, suffix)


def _is_group(name: str) -> bool:
    return bool(_GROUP.search(name)) or not re.search(r"[\s,]", name) or re.search(r"\band\b", name) is not None


def _family(words: list[str]) -> tuple[str, str]:
    """Particle and family name; the last word is never a particle."""
    end = next((i for i, word in enumerate(words) if not word[0].islower() or i == len(words) - 1), 0)
    return " ".join(words[:end]), " ".join(words[end:])


def _given(words: list[str]) -> tuple[str, str]:
    """Given names, and the particle that may follow them (`Oord, Aaron van den`)."""
    end = len(words)
    while end > 1 and words[end - 1].isalpha() and words[end - 1].islower():
        end -= 1
    return " ".join(words[:end]), " ".join(words[end:])


def latin(text: str) -> str:
    """The small letters a to z of a text, accents and the like taken off; empty where it has none.

    >>> latin("Økland"), latin("Straße"), latin("李")
    ('okland', 'strasse', '')
    """
    return re.sub(r"[^a-z]", "", plain_letters(text))


#: Small words of family names, which people leave out or write in either case.
PARTICLES = frozenset(re.findall("[a-z]+", "al bin da de del della den der des di dos du el la le ten ter van von"))


def given_names_agree(asked: Sequence[str], printed: Sequence[str], *, strict: bool = False) -> bool:
    """Whether given names (folded words) may be one person's: each is the other's or its initial; some may lack.

    Args:
        asked: Those typed, at least one.
        printed: Those of an author.
        strict: Whether words asked beyond those printed have to be initials.

    >>> given_names_agree(["noam"], ["n"]), given_names_agree(["n", "m"], ["noam"])
    (True, True)
    >>> given_names_agree(["nora"], ["noam"])
    False
    >>> given_names_agree(["jian", "guang"], ["jianguang"]), given_names_agree(["nm"], ["noam", "m"])
    (True, True)
    """
    if not asked or not printed:
        return False
    one, other = "".join(asked), "".join(printed)
    if one == other or one == "".join(name[0] for name in printed) or other == "".join(name[0] for name in asked):
        return True
    if strict and any(len(name) > 1 for name in asked[len(printed) :]):
        return False
    return all(
        name == full or (1 in (len(name), len(full)) and name[0] == full[0])
        for name, full in zip(asked, printed, strict=False)
    )

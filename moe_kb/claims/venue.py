"""What a printed venue is: a journal, proceedings, or no publication at all; its year, volume and number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_PREPRINT = re.compile(
    r"^\W*(arxiv|corr|biorxiv|medrxiv|chemrxiv|ssrn|hal|online|git ?hub|hugging ?face|open ?review|pre-?prints?|"
    r"technical report|tech report|blog|under review|submitted|unpublished)\b",
    re.IGNORECASE,
)
_JOURNAL = re.compile(
    r"\bjournal|\btransactions\b|\bletters\b|\bannals\b|\bnature\b|\bscience\b|\bneural computation\b|\bai open\b|"
    r"^proceedings of the (national academy|ieee\b|vldb)|^proc\.? (acm|vldb|natl)|\b(pvldb|pnas|pacmmod|imwut|jair)\b",
    re.IGNORECASE,
)
_PROCEEDINGS = re.compile(
    r"\bproceedings\b|\bproc\.|\bconference\b|\bconf\.|\bworkshops?\b|\bsymposium\b|\bcongress\b|\bmeeting\b|\bforum\b|"
    r"\bfindings\b|\badvances in\b|\buncertainty in artificial intelligence\b|"
    r"\b(aacl|eacl|naacl|acl|emnlp|coling|colm|conll|iclr|icml|nips|neurips|aistats|uai|colt|aaai|ijcai|ecai|corl|"
    r"cvpr|iccv|eccv|wacv|bmvc|miccai|icra|iros|rss|kdd|www|sigir|cikm|wsdm|recsys|ecir|trec|sigmod|vldb|icde|tacas|"
    r"sosp|osdi|nsdi|atc|eurosys|asplos|isca|micro|hpca|ppopp|ipdps|ics|infocom|sigcomm|hpdc|mlsys|icassp|interspeech|"
    r"icpp|pact|cgo|dac|iccad|date|sc|jcdl|chi)\b",
    re.IGNORECASE,
)
#: By custom the short names of journals begin with T (transactions) or J (journal).
_SHORT_JOURNAL = re.compile(r"[TJ][A-Z]{2,}")
_SHORT_CONFERENCE = re.compile(r"((ACM|IEEE|USENIX|AAAI|ACL) )?[A-Z][A-Za-z]*[A-Z][A-Za-z]*([ -][A-Z]{2,})?")
_YEAR = re.compile(r"[\s,(]*\b((?:19|20)\d\d)\b\)?")
_VOLUME = re.compile(r"[\s,]+(\d+)(?:\((\d+)\))?(?::[\d-]+)?$")


@dataclass(frozen=True, slots=True)
class Venue:
    """A venue taken apart."""

    name: str
    """Without year, volume and number where it is a journal; else without what follows the year."""
    kind: Literal["journal", "proceedings", "none"]
    """`none`: a preprint, a repository, a page."""
    year: str | None = None
    volume: str | None = None
    number: str | None = None


def is_preprint(venue: str) -> bool:
    """Whether a venue is none: a preprint server, a repository, a page.

    >>> is_preprint("ArXiv 2022"), is_preprint("Github 2023"), is_preprint("ICLR 2021")
    (True, True, False)
    """
    return _PREPRINT.search(venue) is not None


def parse_venue(text: str) -> Venue:
    """A venue as a source prints it.

    >>> parse_venue("Proceedings of the National Academy of Sciences 117(42)")
    Venue(name='Proceedings of the National Academy of Sciences', kind='journal', year=None, volume='117', number='42')
    >>> parse_venue("EMNLP 2024 main")
    Venue(name='EMNLP 2024', kind='proceedings', year='2024', volume=None, number=None)
    """
    text = " ".join(text.split())
    year = _YEAR.search(text)
    printed = year[1] if year else None
    if is_preprint(text):
        return Venue(_YEAR.sub("", text).strip(" ,") or text, "none", printed)
    bare = re.sub(r"\s*\b(main|long papers?|short papers?|oral|poster|spotlight)$", "", text, flags=re.IGNORECASE)
    plain = _YEAR.sub("", bare).strip(" ,") or bare
    journal = _JOURNAL.search(plain) and not re.search(r"\bworkshop\b|\bconference\b", plain, re.IGNORECASE)
    if journal or not (_PROCEEDINGS.search(plain) or _is_short_conference(plain)):
        volume = _VOLUME.search(plain)
        name = plain[: volume.start()] if volume else plain
        return Venue(name, "journal", printed, volume[1] if volume else None, volume[2] if volume else None)
    return Venue(bare, "proceedings", printed)


def _is_short_conference(name: str) -> bool:
    return _SHORT_CONFERENCE.fullmatch(name) is not None and _SHORT_JOURNAL.fullmatch(name) is None

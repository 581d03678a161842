"""Identifiers that can exist: of arXiv, DOI, and the ACL Anthology."""

from __future__ import annotations

import re
from datetime import date, timedelta

ARXIV_PATTERN = r"^([0-9]{4}\.[0-9]{4,5}|[a-z-]+/[0-9]{7})$"
DOI_PATTERN = r"^10\.[1-9][0-9]{3,8}(\.[0-9]+)*/[!-~]*[!-+\x2d/-:<-~]$"
ACL_PATTERN = r"^([A-Z][0-9]{2}-[0-9]{4}|(19|20)[0-9]{2}\.[a-z0-9_]+-[a-z0-9_]+\.[0-9]+)$"

#: Archives that identifiers before April 2007 begin with (arxiv.org/help/arxiv_identifier, and those merged since).
_ARCHIVE = re.compile(
    "acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas|cond-mat|cs|dg-ga|"
    "funct-an|gr-qc|hep-(?:ex|lat|ph|th)|math|math-ph|mtrl-th|nlin|nucl-(?:ex|th)|patt-sol|physics|plasm-ph|q-alg|"
    "q-bio|quant-ph|solv-int|supr-con"
)
_ARXIV_ADDRESS = re.compile(
    r"https?://(?:\w+\.)?arxiv\.org/(?:abs|pdf|html)/([^?#]+?)(?:v\d+)?(?:\.pdf)?/?(?:[?#].*)?", re.IGNORECASE
)
_ARXIV_DOI = re.compile(r"10\.48550/arxiv\.(.+)", re.IGNORECASE)


def arxiv_fault(identifier: str) -> str | None:
    """Why an arXiv identifier cannot exist; None where it can.

    >>> arxiv_fault("2413.00001"), arxiv_fault("hep-th/9901001")
    ('there is no month 13', None)
    """
    if not re.fullmatch(ARXIV_PATTERN, identifier):
        return "identifiers are like 2401.06066 or hep-th/9901001, without a version"
    archive, slash, digits = identifier.rpartition("/")
    year, month, number = digits[:2], digits[2:4], digits[4:].removeprefix(".")
    if slash and not _ARCHIVE.fullmatch(archive):
        return f"there is no archive {archive}"
    if not 1 <= int(month) <= 12:
        return f"there is no month {month}"
    if not int(number):
        return "numbers begin at 1"
    if slash:
        since = 1900 + int(year) if int(year) > 90 else 2000 + int(year)
        return None if (1991, 7) <= (since, int(month)) < (2007, 4) else "identifiers of this form end with March 2007"
    if (year, month) < ("07", "04"):
        return "identifiers of this form begin with April 2007"
    if len(number) != (digits_then := 4 if int(year) < 15 else 5):
        return f"identifiers of 20{year} have {digits_then} digits after the point"
    tomorrow = date.today() + timedelta(days=1)  # somewhere it is tomorrow already
    return (
        f"20{year}-{month} is yet to come" if (2000 + int(year), int(month)) > (tomorrow.year, tomorrow.month) else None
    )


def identifier_fault(scheme: str, value: str) -> str | None:
    """Why an identifier of a scheme (`arxiv`, `doi`, ...) that has its form cannot exist; None where it can."""
    if scheme == "arxiv":
        return arxiv_fault(value)
    if scheme == "doi" and (named := _ARXIV_DOI.fullmatch(value)):
        return arxiv_fault(named[1])
    if scheme == "acl" and "." in value and int(value[:4]) > date.today().year + 1:
        return f"{value[:4]} is yet to come"
    return None


def address_fault(address: str) -> str | None:
    """Why an address leads nowhere: it is arXiv's, of an identifier that cannot exist. None for all others."""
    named = _ARXIV_ADDRESS.fullmatch(address)
    return arxiv_fault(named[1]) if named else None

"""Identifiers that can exist: of arXiv, DOI, and the ACL Anthology."""

from __future__ import annotations

import re
from datetime import date, timedelta
from urllib.parse import unquote

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


_ADDRESS = re.compile(r"(?:https?://|git@|www\.)[^\s<>\"]+|\b[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}/[^\s<>\"]+", re.IGNORECASE)
#: `arXiv:2101.03961v2`, the same bare or inside an address; `cs.CL/0701001`.
_ARXIV_ID = re.compile(
    r"(?<![\w.-])(?:arxiv[:.\s]\s*)?(?:(\d{4}\.\d{4,5})|([a-z-]+)(?:\.[a-z]{2})?(/\d{7}))(?:v\d{1,3})?(?:\.pdf)?(?![\w-])",
    re.IGNORECASE,
)
_DOI_ID = re.compile(r"(?<![\w.])10\.[1-9]\d{3,8}(?:\.\d+)*/[^\s?#<>\"]+", re.IGNORECASE)
_OPENREVIEW = re.compile(r"openreview\.net/\w+\?(?:[^#\s]*&)?id=([\w-]{6,40})", re.IGNORECASE)
_ACL_ID = re.compile(
    r"(?<![\w.])([a-z]\d{2}-\d{4}|(?:19|20)\d{2}\.[a-z0-9_]+-[a-z0-9_]+\.\d+)(?:v\d+)?(?:\.pdf|\.bib)?(?![\w-])",
    re.IGNORECASE,
)
#: Pages of a model or repository: whatever lies under owner and name belongs to it.
_HOME = re.compile(
    r"(huggingface\.co|hf\.co|github\.com|raw\.githubusercontent\.com|gitlab\.com|modelscope\.cn)[/:]"
    r"(?:models/)?([\w.-]+)/([\w.-]+?)(?:\.git)?(?:/.*)?",
    re.IGNORECASE,
)
_HOSTS = {"hf.co": "huggingface.co", "raw.githubusercontent.com": "github.com"}
#: What Hugging Face keeps beside models.
_NO_OWNERS = frozenset({"papers", "datasets", "spaces", "docs", "blog", "collections"})


def identified_in(text: str) -> list[str]:
    """What addresses and identifiers in a text identify, as scheme and value, the most telling first; in small letters.

    Schemes are `arxiv`, `doi`, `openreview`, `acl` and, for every other address, `url` with its host and path.
    Versions, queries and fragments are left out; of a repository or a model's page only owner and name are kept.

    >>> identified_in("https://arxiv.org/pdf/2101.03961v3.pdf?download=1"), identified_in("arXiv:cs.CL/0701001")
    (['arxiv 2101.03961'], ['arxiv cs/0701001'])
    >>> identified_in("see https://dx.doi.org/10.48550/arXiv.2101.03961."), identified_in("gate 2 of 10/20")
    (['arxiv 2101.03961'], [])
    >>> identified_in("https://hf.co/deepseek-ai/DeepSeek-V3/blob/main/config.json#L3")
    ['url huggingface.co/deepseek-ai/deepseek-v3']
    """
    text = unquote(text)
    found = [f"openreview {match[1]}" for match in _OPENREVIEW.finditer(text)]
    for match in _DOI_ID.finditer(text):
        doi = match[0].rstrip(".,;:)]}/'")
        arxiv = _ARXIV_DOI.fullmatch(doi)
        found.append(f"arxiv {re.sub(r'v[0-9]+$', '', arxiv[1])}" if arxiv else f"doi {doi}")
        found += [f"acl {acl[1]}" for acl in _ACL_ID.finditer(doi)]
    rest = _DOI_ID.sub(" ", text)
    for match in _ARXIV_ID.finditer(rest):
        identifier = match[1] or f"{match[2]}{match[3]}".lower()
        if arxiv_fault(identifier) is None:
            found.append(f"arxiv {identifier}")
    found += [f"acl {match[1]}" for match in _ACL_ID.finditer(rest)]
    if not found:
        found = [f"url {_place(match[0])}" for match in _ADDRESS.finditer(text)]
    return list(dict.fromkeys(name.casefold() for name in found))


def without_addresses(text: str) -> str:
    """A text with the last part of the path in place of every address: the words that it may share with a record.

    >>> without_addresses("router of https://github.com/example/top-k-gate/")
    'router of top-k-gate'
    """
    return _ADDRESS.sub(lambda match: _place(match[0]).rpartition("/")[2].removesuffix(".pdf"), text)


def _place(address: str) -> str:
    """Host and path of an address; owner and name alone of a repository or a model's page."""
    bare = re.sub(r"^(?:[a-z]+://)?(?:[^/@]*@)?(?:www\.)?|[?#].*$", "", address, flags=re.IGNORECASE).rstrip(
        "/.,;:)]}'"
    )
    home = _HOME.fullmatch(bare)
    if not home or home[2].lower() in _NO_OWNERS:
        return bare
    host = home[1].lower()
    return f"{_HOSTS.get(host, host)}/{home[2]}/{home[3]}"

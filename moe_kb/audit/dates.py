"""Dates that contradict identifiers, and works that lean on later ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from moe_kb.audit.claims import said
from moe_kb.audit.issue import Issue
from moe_kb.claims.claim import Claim
from moe_kb.db.reader import Reader
from moe_kb.format import citation
from moe_kb.queries import evidence
from moe_kb.records.dates import span
from moe_kb.records.identifiers import arxiv_fault

_ARXIV = re.compile(r"(\d\d)(\d\d)\.(\d{4,5})")
_ARXIV_ADDRESS = re.compile(r"arxiv\.org/(?:abs|pdf|html)/(\d{4}\.\d{4,5})")
#: An identifier carries the month in which a preprint was announced, which is up to some days after its submission.
_ANNOUNCED_WITHIN = timedelta(days=7)
#: A release and the report on it may lie some months apart; much more speaks for two different works.
_APART = timedelta(days=365)


def arxiv_month(identifier: str) -> tuple[str, str] | None:
    """First and last day of the month in an arXiv identifier of the present scheme.

    >>> arxiv_month("2401.04088")
    ('2024-01-01', '2024-01-31')
    """
    match = _ARXIV.fullmatch(identifier)
    if match is None or not 1 <= int(match[2]) <= 12:
        return None
    return span(f"20{match[1]}-{match[2]}")


def impossible_identifier(reader: Reader) -> Iterator[Issue]:
    """An arXiv identifier cannot exist: no such month or archive, or a number of the wrong length for its time."""
    for claim in evidence.claims(reader, "arxiv", kind="paper:", repeats=False):
        if why := arxiv_fault(claim.text):
            yield Issue(claim.subject, f"arXiv {said(claim)}: {why}", None, "arxiv", claim.source, (claim,))


def year_before_preprint(reader: Reader) -> Iterator[Issue]:
    """A work is said to be published in a year before that of its arXiv identifier."""
    for claim, identifier in _with_arxiv(reader, "year"):
        month = arxiv_month(identifier.text)
        if month and claim.number is not None and claim.number < int(month[0][:4]):
            message = f"published {said(claim)}, before its preprint, arXiv {said(identifier)} of {month[0][:7]}"
            yield Issue(claim.subject, message, None, "year", claim.source, (claim, identifier))


def venue_before_preprint(reader: Reader) -> Iterator[Issue]:
    """The year in the name of a venue is before that of the arXiv identifier."""
    for claim, identifier in _with_arxiv(reader, "venue"):
        month, year = arxiv_month(identifier.text), re.search(r"\b(?:19|20)\d\d\b", claim.text)
        if month and year and int(year[0]) < int(month[0][:4]):
            message = f"appeared at {said(claim)}, before its preprint, arXiv {said(identifier)} of {month[0][:7]}"
            yield Issue(claim.subject, message, None, "venue", claim.source, (claim, identifier))


def public_after_preprint(reader: Reader) -> Iterator[Issue]:
    """A work is said to have become public after the month of its arXiv identifier."""
    for claim, identifier in _with_arxiv(reader, "date"):
        month = arxiv_month(identifier.text)
        if month and span(claim.text)[0] > month[1]:
            message = f"first public {said(claim)}, after its preprint, arXiv {said(identifier)} of {month[0][:7]}"
            yield Issue(claim.subject, message, None, "date", claim.source, (claim, identifier))


def public_long_before_preprint(reader: Reader) -> Iterator[Issue]:
    """A work is said to have become public well before the month of its arXiv identifier."""
    for claim, identifier in _with_arxiv(reader, "date"):
        month = arxiv_month(identifier.text)
        if month and date.fromisoformat(span(claim.text)[1]) + _ANNOUNCED_WITHIN < date.fromisoformat(month[0]):
            message = f"first public {said(claim)}, before its preprint, arXiv {said(identifier)} of {month[0][:7]}"
            yield Issue(claim.subject, message, None, "date", claim.source, (claim, identifier))


def _with_arxiv(reader: Reader, field: str) -> Iterator[tuple[Claim, Claim]]:
    """Claims of a field about papers, each with the arXiv identifier shown first.

    A date that other claims already contradict (often the month of the identifier itself) is left to that issue.
    """
    arxiv = evidence.claims(reader, "arxiv", kind="paper:")
    identifiers = {claim.subject: claim for claim in arxiv if claim.preferred}
    disputed = evidence.disputed_dates(reader)
    for claim in evidence.claims(reader, field, kind="paper:", repeats=False):
        identifier = identifiers.get(claim.subject)
        if identifier and not (field == "date" and claim.subject in disputed):
            yield claim, identifier


def release_far_from_report(reader: Reader) -> Iterator[Issue]:
    """A model's release lies more than a year from the arXiv identifier of the report named beside it."""
    for report in evidence.claims(reader, "report", kind="model:"):
        match = _ARXIV_ADDRESS.search(report.text)
        month = arxiv_month(match[1]) if match else None
        if month is None:
            continue
        for claim in evidence.claims_beside(reader, report, "released"):
            if claim.repeats:
                continue
            first, last = (date.fromisoformat(day) for day in span(claim.text))
            if last + _APART < date.fromisoformat(month[0]) or first - _APART > date.fromisoformat(month[1]):
                message = f"released {said(claim)}, more than a year from its report, {said(report)} of {month[0][:7]}"
                detail = claim.table_row or claim.source
                yield Issue(claim.subject, message, claim.configuration, "released", detail, (claim, report))


#: Relations that only something of the same time or earlier can be at the other end of.
_LEANS = {
    "extends": "extend",
    "variant-of": "be a variant of",
    "combines": "combine",
    "replaces": "replace",
    "uses": "use",
    "based-on": "be based on",
    "succeeds": "succeed",
    "modifies": "modify",
}


def leans_on_later_work(reader: Reader) -> Iterator[Issue]:
    """A work is said to use, extend or modify something that became public in a later year."""
    for head, earlier, kind, tail, later, source, locator in evidence.edges_to_later_work(reader, _LEANS):
        message = f"of {earlier}, is said to {_LEANS[kind]} {tail} of {later} [{citation(source, locator)}]"
        yield Issue(head, message, None, kind, f"{tail}; {source}", sources=(source,), others=(tail,))


def design_year(reader: Reader) -> Iterator[Issue]:
    """A design's year is not that of the earliest work said to introduce it."""
    for design, year, by, introduced, source in evidence.designs_of_another_year(reader):
        message = f"its year is {year}, but {by}, said to introduce it [{source}], is of {introduced}"
        yield Issue(design, message, None, "year", by, sources=(source,), others=(by,))

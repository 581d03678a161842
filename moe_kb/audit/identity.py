"""Which work is which: one work under two names, one name for two works, one identifier on two works."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations

from moe_kb.audit.claims import said
from moe_kb.audit.issue import Issue
from moe_kb.claims.claim import Claim
from moe_kb.corpus import ORGANISATIONS
from moe_kb.db.reader import Reader
from moe_kb.queries import evidence
from moe_kb.queries.organisations import usual_names
from moe_kb.references import normalised_title

#: Titles that share this much of their words (Jaccard index) are likely one work printed twice.
_ALIKE = 0.8
_SCHEMES = ("arxiv", "doi", "openreview", "acl")
_ARXIV = re.compile(r"arxiv\.org/(?:abs|pdf|html)/(\d{4}\.\d{4,5})", re.IGNORECASE)
_DOI = re.compile(r"doi\.org/(10\.\d{4,9}/\S+)|/doi/(?:abs/|full/|pdf/)?(10\.\d{4,9}/\S+)", re.IGNORECASE)


# --- one identifier on two works -------------------------------------------------------------------------------------


def shared_identifier(reader: Reader) -> Iterator[Issue]:
    """Sources give two papers one identifier or one address."""
    holders: dict[tuple[str, str], dict[str, Claim]] = defaultdict(dict)
    for claim in evidence.claims(reader, *_SCHEMES, "url", kind="paper:"):
        for identifier in _identifiers(claim):
            holders[identifier].setdefault(claim.subject, claim)
    for (scheme, value), papers in sorted(holders.items()):
        if len(papers) < 2:
            continue
        # The issue stands at the paper whose own identifier it is not, if that can be told.
        owners = evidence.owners_of(reader, value)
        first = next((paper for paper in sorted(papers) if paper not in owners), min(papers))
        others = tuple(sorted(set(papers) - {first}))
        claims = (papers[first], *(papers[other] for other in others))
        message = f"{scheme} {value} is given to {' and '.join(f'{c.subject} [{c.place}]' for c in claims)}"
        yield Issue(first, message, None, scheme, "; ".join(others), claims, others=others)


def address_of_another_identifier(reader: Reader) -> Iterator[Issue]:
    """A paper's address leads to an arXiv identifier that is not the paper's."""
    own = evidence.arxiv_identifiers(reader)
    for claim in evidence.claims(reader, "url", kind="paper:", repeats=False):
        match = _ARXIV.search(claim.text)
        if match and own.get(claim.subject, match[1]) != match[1]:
            message = f"address {said(claim)} leads to arXiv {match[1]}, the paper's own is {own[claim.subject]}"
            yield Issue(claim.subject, message, None, "url", claim.source, (claim,))


def two_identifiers(reader: Reader) -> Iterator[Issue]:
    """Sources give one paper two different identifiers of one scheme."""
    grouped: dict[tuple[str, str], dict[str, Claim]] = defaultdict(dict)
    for claim in evidence.claims(reader, *_SCHEMES, kind="paper:", repeats=False):
        grouped[claim.subject, claim.field].setdefault(claim.text.casefold(), claim)
    for (paper, scheme), found in grouped.items():
        if len(found) > 1:
            claims = tuple(found.values())
            yield Issue(paper, f"{scheme} {' ≠ '.join(map(said, claims))}", None, scheme, None, claims)


def report_without_link(reader: Reader) -> Iterator[Issue]:
    """A model's report is a paper of the knowledge base, but the model does not name that paper."""
    own = {arxiv: paper for paper, arxiv in evidence.arxiv_identifiers(reader).items()}
    linked = set(evidence.described_by(reader))
    for claim in evidence.claims(reader, "report", kind="model:"):
        match = _ARXIV.search(claim.text)
        paper = own.get(match[1]) if match else None
        if paper and (claim.subject, paper) not in linked:
            message = f"its report {said(claim)} is {paper}, which its `papers` do not name"
            yield Issue(claim.subject, message, claim.configuration, "papers", paper, (claim,), others=(paper,))


def _identifiers(claim: Claim) -> Iterator[tuple[str, str]]:
    """Scheme and value of the identifier in a claim; an address that holds none stands for itself."""
    if claim.field != "url":
        yield claim.field, claim.text.casefold()
        return
    arxiv, doi = _ARXIV.search(claim.text), _DOI.search(claim.text)
    if arxiv:
        yield "arxiv", arxiv[1]
    elif doi:
        yield "doi", (doi[1] or doi[2]).casefold()
    else:
        yield "url", re.sub(r"^https?://(?:www\.)?|/+$", "", claim.text.casefold())


# --- one work under two names ----------------------------------------------------------------------------------------


def titles_differ(reader: Reader) -> Iterator[Issue]:
    """Sources print one paper under titles that differ in their words."""
    grouped: dict[str, dict[str, Claim]] = defaultdict(dict)
    for claim in evidence.claims(reader, "title", kind="paper:", repeats=False):
        grouped[claim.subject].setdefault(normalised_title(claim.text), claim)
    for paper, found in grouped.items():
        if len(found) > 1:
            claims = tuple(sorted(found.values(), key=lambda claim: not claim.preferred))
            message = " ≠ ".join(f"{claim.text!r} [{claim.place}]" for claim in claims)
            yield Issue(paper, message, None, "title", None, claims)


def alike_titles(reader: Reader) -> Iterator[Issue]:
    """Two papers have nearly one title and share an author, so they may be one work."""
    titles = evidence.titles(reader)
    words = {paper: frozenset(normalised_title(title).split()) for paper, title in titles.items()}
    by_author: dict[str, set[str]] = defaultdict(set)
    for paper, author in evidence.authors(reader):
        by_author[author.casefold()].add(paper)
    pairs = {pair for papers in by_author.values() for pair in combinations(sorted(papers), 2)}
    for left, right in sorted(pairs):
        if len(words[left] & words[right]) >= _ALIKE * len(words[left] | words[right]):
            message = (
                f"{titles[left]!r} and {titles[right]!r} ({right}) share authors and nearly all words of the title"
            )
            yield Issue(left, message, None, "title", right, others=(right,))


def printed_under_two_names(reader: Reader) -> Iterator[Issue]:
    """One source prints a paper under names that are not spellings or parts of each other."""
    printed: dict[tuple[str, str], dict[str, tuple[str, str | None]]] = defaultdict(dict)
    for record, source, names, locator, node in evidence.printed_placements(reader):
        for name in names.split("; "):
            printed[record, source].setdefault(_fold(name), (name, f"{locator}, {node.rpartition('/')[2]}"))
    for (record, source), forms in printed.items():
        if any(not _spelt_alike(a, b) for a, b in combinations(forms, 2)):
            listed = " and ".join(f"{name!r} [{source}, {place}]" for name, place in forms.values())
            yield Issue(record, f"is printed as {listed}", None, "name", source, sources=(source,))


def row_under_another_name(reader: Reader) -> Iterator[Issue]:
    """A table's row prints a name that is neither that of the model it is about nor that of a paper on it."""
    names: dict[str, set[str]] = defaultdict(set)
    for record, name, key in evidence.names_and_keys(reader):
        names[record] |= {_fold(name), _fold(key)}
    for record, paper in evidence.described_by(reader):
        names[record] |= names[paper]
    for table, row, label, subject, configuration, source in evidence.aligned_rows(reader):
        folded, begins = _fold(label), _fold(re.split(r"[\W_]", label, maxsplit=1)[0])
        if not any(_spelt_alike(name, folded) or name.startswith(begins) for name in names[subject]):
            message = f"row {row} of {table} prints {label!r}, which is not what {subject} is called"
            detail = f"{table.partition(':')[2]}#{row}"
            yield Issue(subject, message, configuration, "name", detail, sources=(source,), others=(table,))


def _fold(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _spelt_alike(a: str, b: str) -> bool:
    """Whether one folded name is part of the other."""
    return a in b or b in a


# --- one name for two works ------------------------------------------------------------------------------------------


def one_name(reader: Reader) -> Iterator[Issue]:
    """Two records of one kind go by one name."""
    holders: dict[tuple[str, str], dict[str, int | None]] = defaultdict(dict)
    for folded, record, year in evidence.folded_names(reader):
        holders[record.partition(":")[0], folded][record] = year
    introduced = defaultdict(set)
    for design, paper in evidence.introductions(reader):
        introduced[design].add(paper)
    shared = {key: found for key, found in holders.items() if len(found) > 1}
    said_of = _names_said(reader, {record for found in shared.values() for record in found})
    for (kind, folded), found in sorted(shared.items()):
        if kind == "design" and _of_one_work(found, introduced):
            continue
        first, *others = sorted(found)
        claims = {record: said_of.get((record, folded)) for record in sorted(found)}
        listed = ", ".join(
            f"{record} ({found[record] or 'no year'})" + (f" [{claim[1].place}]" if claim else "")
            for record, claim in claims.items()
        )
        written = next((claim[0] for claim in claims.values() if claim), folded)
        message, detail = f"{written!r} is a name of {listed}", "; ".join(others)
        sources = tuple(claim[1].source for claim in claims.values() if claim)
        yield Issue(first, message, None, "name", detail, sources=sources, others=tuple(others))


def _names_said(reader: Reader, records: set[str]) -> dict[tuple[str, str], tuple[str, Claim]]:
    """How sources write the names of records, by record and folded name."""
    found: dict[tuple[str, str], tuple[str, Claim]] = {}
    for claim in evidence.claims(reader, "name", "aliases", "title"):
        if claim.subject in records:
            for name in claim.value if isinstance(claim.value, list) else [claim.text]:
                found.setdefault((claim.subject, _fold(str(name))), (str(name), claim))
    return found


def printed_for_two_works(reader: Reader) -> Iterator[Issue]:
    """One source prints one name for two papers."""
    printed: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    shown: dict[str, str] = {}
    for record, source, names, locator, _ in evidence.printed_placements(reader):
        for name in names.split("; ") if record.startswith("paper:") else ():
            printed[source, _fold(name)].setdefault(record, f"{source}, {locator}")
            shown.setdefault(_fold(name), name)
    for (source, folded), found in sorted(printed.items()):
        if len(found) > 1:
            first, *others = sorted(found)
            message = f"{shown[folded]!r} is printed for {' and '.join(sorted(found))} [{found[first]}]"
            detail = f"{source}; {'; '.join(others)}"
            yield Issue(first, message, None, "printed_as", detail, sources=(source,), others=tuple(others))


def _of_one_work(designs: Iterable[str], introduced: dict[str, set[str]]) -> bool:
    """Whether the same work introduces all the designs: a work's name stands for all it brings."""
    works = [introduced[design] for design in designs]
    return all(works) and bool(set.intersection(*works))


# --- organisations ---------------------------------------------------------------------------------------------------


def unlisted_organisation(reader: Reader) -> Iterator[Issue]:
    """A name of an organisation is no spelling of `data/organisations.yaml`, where the tree has that file."""
    usual = usual_names(reader)
    if not usual:
        return
    users: dict[str, list[Claim]] = defaultdict(list)
    for claim in evidence.claims(reader, "organisation"):
        if claim.text not in usual:
            users[claim.text].append(claim)
    for name, claims in users.items():
        first, *others = sorted({claim.subject for claim in claims})
        message = f"the organisation {said(claims[0])} is in no entry of {ORGANISATIONS}"
        yield Issue(first, message, None, "organisation", name, tuple(claims), others=tuple(others))

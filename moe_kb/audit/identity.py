"""Which work is which: one work under two names, one name for two works, one identifier on two works."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from math import ceil

from moe_kb.audit.claims import said
from moe_kb.audit.issue import Issue
from moe_kb.claims.claim import Claim
from moe_kb.corpus import ORGANISATIONS
from moe_kb.db.reader import Reader
from moe_kb.folding import fold
from moe_kb.queries import evidence
from moe_kb.queries.organisations import usual_names
from moe_kb.references import SCHEMES, identified, normalised_title

#: Titles that share this much of their words (Jaccard index) are likely one work printed twice.
_ALIKE = 0.8


# --- one identifier on two works -------------------------------------------------------------------------------------


def shared_identifier(reader: Reader) -> Iterator[Issue]:
    """Sources give two papers one identifier or one address."""
    holders: dict[str, dict[str, Claim]] = defaultdict(dict)
    for identifier, claim in evidence.shared_identifiers(reader):
        holders[identifier].setdefault(claim.subject, claim)
    for identifier, papers in holders.items():
        scheme, _, value = identifier.partition(" ")
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
        scheme, _, value = (identified(claim.field, claim.text) or "").partition(" ")
        if scheme == "arxiv" and own.get(claim.subject, value) != value:
            message = f"address {said(claim)} leads to arXiv {value}, the paper's own is {own[claim.subject]}"
            yield Issue(claim.subject, message, None, "url", claim.source, (claim,))


def two_identifiers(reader: Reader) -> Iterator[Issue]:
    """Sources give one paper two different identifiers of one scheme."""
    grouped: dict[tuple[str, str], dict[str, Claim]] = defaultdict(dict)
    for claim in evidence.claims(reader, *SCHEMES, kind="paper:", repeats=False):
        grouped[claim.subject, claim.field].setdefault(claim.text.casefold(), claim)
    for (paper, scheme), found in grouped.items():
        if len(found) > 1:
            claims = tuple(found.values())
            yield Issue(paper, f"{scheme} {' ≠ '.join(map(said, claims))}", None, scheme, None, claims)


def report_without_link(reader: Reader) -> Iterator[Issue]:
    """A model's report is a paper of the knowledge base, but the model does not name that paper."""
    for claim, paper in evidence.unlinked_reports(reader):
        message = f"its report {said(claim)} is {paper}, which its `papers` do not name"
        yield Issue(claim.subject, message, claim.configuration, "papers", paper, (claim,), others=(paper,))


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
    titles: dict[str, str] = {}
    authors: dict[str, set[str]] = defaultdict(set)
    for paper, title, author in evidence.titles_and_authors(reader):
        titles[paper] = title
        authors[paper].add(author)
    words = {paper: frozenset(normalised_title(title).split()) for paper, title in titles.items()}
    for left, right in sorted(_alike(words)):
        if authors[left] & authors[right]:
            message = (
                f"{titles[left]!r} and {titles[right]!r} ({right}) share authors and nearly all words of the title"
            )
            yield Issue(left, message, None, "title", right, others=(right,))


def _alike(words: dict[str, frozenset[str]]) -> set[tuple[str, str]]:
    """Pairs, in order, of which the sets of words have a Jaccard index of `_ALIKE` or more.

    With the words of each set in one order, the rarest first, two such sets share one of the first n - ⌈n `_ALIKE`⌉ + 1
    words of each, n being its size; so only sets that meet there are compared, and none is missed.
    """
    common = Counter(word for found in words.values() for word in found)
    meeting: dict[str, list[str]] = defaultdict(list)
    pairs: set[tuple[str, str]] = set()
    for name in sorted(words):
        found = words[name]
        ordered = sorted(found, key=lambda word: (common[word], word))
        first = ordered[: len(found) - ceil(len(found) * _ALIKE) + 1]
        for other in {other for word in first for other in meeting[word]}:
            if len(found & words[other]) >= _ALIKE * len(found | words[other]):
                pairs.add((other, name))
        for word in first:
            meeting[word].append(name)
    return pairs


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
    rows = evidence.aligned_rows(reader)
    subjects = {subject for _, _, _, subject, _, _ in rows}
    described = evidence.described_by(reader, subjects)
    for record, name, key in evidence.names_and_keys(reader, subjects | {paper for _, paper in described}):
        names[record] |= {_fold(name), _fold(key)}
    for record, paper in described:
        names[record] |= names[paper]
    for table, row, label, subject, configuration, source in rows:
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
    for folded, record, year in evidence.shared_names(reader):
        holders[record.partition(":")[0], folded][record] = year
    records = {record for found in holders.values() for record in found}
    introduced = defaultdict(set)
    for design, paper in evidence.introductions(reader, records):
        introduced[design].add(paper)
    said_of = _names_said(reader, records)
    for (kind, folded), found in holders.items():
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
    for claim in evidence.claims_about(reader, records, "name", "aliases", "title"):
        for name in claim.value if isinstance(claim.value, list) else [claim.text]:
            found.setdefault((claim.subject, _fold(str(name))), (str(name), claim))
    return found


def printed_for_two_works(reader: Reader) -> Iterator[Issue]:
    """One source prints one name for two papers."""
    printed: dict[tuple[str, str], dict[str, tuple[str, str]]] = defaultdict(dict)
    for source, folded, record, names, locator in evidence.printed_for_several(reader):
        for name in names.split("; "):
            if fold(name) == folded:
                printed[source, folded].setdefault(record, (name, f"{source}, {locator}"))
    for (source, _), found in printed.items():
        first, *others = sorted(found)
        name, place = found[first]
        message = f"{name!r} is printed for {' and '.join(sorted(found))} [{place}]"
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
    users: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim in evidence.claims(reader, "organisation"):
        if claim.text not in usual:
            users[claim.subject, claim.text].append(claim)
    for (subject, name), claims in users.items():
        message = f"the organisation {said(claims[0])} is in no entry of {ORGANISATIONS}"
        yield Issue(subject, message, claims[0].configuration, "organisation", name, tuple(claims))

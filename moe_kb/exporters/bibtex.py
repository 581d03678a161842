"""BibTeX entries of papers and sources."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from moe_kb.claims.venue import parse_venue
from moe_kb.db.reader import Reader
from moe_kb.errors import MoeKbError
from moe_kb.exporters.latex import escape_bibtex
from moe_kb.names import Name, latin, parse_name
from moe_kb.queries.citations import Cited, cited

_OTHERS = re.compile(r"et\.? al\.?|and others|others", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What an entry is made from: a paper or a source."""

    kind: str
    key: str
    title: str
    authors: tuple[str, ...] = ()
    authors_complete: bool = True
    year: str | None = None
    """Of the reference; the key keeps it when a venue of another year becomes known."""
    venue: str | None = None
    """Where a paper appeared."""
    venue_year: str | None = None
    """The year that the venue's source gives, for a venue that does not name its own."""
    version: str | None = None
    """Of a source."""
    arxiv: str | None = None
    doi: str | None = None
    url: str | None = None

    @classmethod
    def stored(cls, record: str, about: Cited) -> Work:
        """From a record's full name and what the database holds of it.

        Raises:
            MoeKbError: The record is neither a paper nor a source.
        """
        kind = record.partition(":")[0]
        if kind not in ("paper", "source"):
            raise MoeKbError(
                f"{record} is a {kind}: papers and sources can be cited; "
                f"`moe-kb cite {record} --field FIELD` cites the sources of one of its fields."
            )
        data = json.loads(about.content)
        ids, links = data.get("ids") or {}, data.get("links") or {}
        url = links.get("paper") if kind == "paper" else data.get("url")
        found = re.search(r"arxiv\.org/abs/(\d{4}\.\d{4,5})", url or "") if kind == "source" else None
        return cls(
            kind=kind,
            key=data["key"],
            title=data["title"],
            authors=_fullest(tuple(data.get("authors", ())), about.authors),
            authors_complete=data.get("authors_complete") is not False,
            year=str(data["year"]) if kind == "paper" else (data.get("date") or "")[:4] or None,
            venue=about.venue or data.get("venue"),
            venue_year=about.venue_year,
            version=data.get("version"),
            arxiv=found[1] if found else ids.get("arxiv"),
            doi=ids.get("doi"),
            url=url,
        )


def of_this_base(version: str, data: str) -> str:
    """The entry of moe-kb itself.

    Args:
        version: Of the package.
        data: Version of the data, as `KnowledgeBase.version` gives it.
    """
    fields = {
        "title": "{moe-kb: the living survey of Mixture-of-Experts}",
        "author": "{The moe-kb authors}",
        "year": data.rpartition(" ")[2][:4],
        "version": version,
        "note": escape_bibtex(f"Data: {data}"),
    }
    return _entry("misc", "moe-kb", fields)


def entries(reader: Reader, records: Iterable[str]) -> dict[str, str]:
    """The entry of each record (by full name), each once; a source that is a paper is cited as that paper."""
    return {record: bibtex(Work.stored(record, about)) for record, about in cited(reader, records).items()}


def bibtex(work: Work) -> str:
    """One entry; titles in double braces keep their capitals."""
    return _paper(work) if work.kind == "paper" else _source(work)


def _fullest(printed: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The authors with most given names written out, of lists that name the same families in the same order."""

    def families(names: tuple[str, ...]) -> list[str]:
        return [latin(parse_name(name).family) for name in names]

    def initials(names: tuple[str, ...]) -> int:
        return sum(parse_name(name).initials_only for name in names)

    known = families(printed)
    alike = [names for names in others if families(names)[: len(known)] == known]
    return min((printed, *alike), key=lambda names: (-len(names), initials(names)))


def _paper(paper: Work) -> str:
    fields: dict[str, str] = {"title": f"{{{escape_bibtex(paper.title)}}}"}
    if paper.authors:
        fields["author"] = _authors(paper.authors) + ("" if paper.authors_complete else " and others")
    venue = parse_venue(paper.venue) if paper.venue else None
    published = venue is not None and venue.kind != "none"
    fields["year"] = (published and venue and (venue.year or paper.venue_year)) or paper.year or ""
    kind = "article"
    if venue and published:
        proceedings = venue.kind == "proceedings"
        kind = "inproceedings" if proceedings else "article"
        fields["booktitle" if proceedings else "journal"] = escape_bibtex(venue.name)
        fields |= {name: value for name in ("volume", "number") if (value := getattr(venue, name))}
    elif paper.arxiv:
        fields["journal"] = f"arXiv preprint arXiv:{paper.arxiv}"
    else:
        kind = "misc"
        if venue:
            fields["howpublished"] = escape_bibtex(venue.name)
    if paper.arxiv:
        fields |= {"eprint": paper.arxiv, "archivePrefix": "arXiv"}
    if paper.doi:
        fields["doi"] = _address(paper.doi)
    if paper.url:
        fields["url"] = _address(paper.url)
    return _entry(kind, citation_key(paper), fields)


def _source(source: Work) -> str:
    fields = {"title": f"{{{escape_bibtex(source.title)}}}"}
    if source.authors:
        fields["author"] = _authors(source.authors)
    if source.year:
        fields["year"] = source.year
    if source.arxiv:
        journal = f"arXiv preprint arXiv:{source.arxiv}"
        fields |= {"journal": journal, "eprint": source.arxiv, "archivePrefix": "arXiv"}
    if source.version:
        fields["note"] = escape_bibtex(source.version)
    if source.url:
        fields["url"] = _address(source.url)
    return _entry("article" if source.arxiv else "misc", _lettered(source.key), fields)


def citation_key(paper: Work) -> str:
    """First author's family name (else the first word of the title), year, and the record's key: readable, unique."""
    words = re.sub(r"^(an?|the|on)\s+", "", paper.title, flags=re.IGNORECASE).split()
    starts = [parse_name(name).family for name in paper.authors[:1]] + words
    start = next(filter(None, map(latin, starts)), "")
    return _lettered(f"{start}{paper.year}{paper.key}")


def _lettered(key: str) -> str:
    """A key that begins with a letter, as some tools ask."""
    return key if key[:1].isalpha() else f"key{key}"


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@{kind}{{{key},\n{body}}}\n"


def _authors(names: Sequence[str]) -> str:
    """Names joined as BibTeX wants them, the family first; groups, and names that hold an `and`, are kept in braces."""
    return " and ".join("others" if _OTHERS.fullmatch(name) else _name(parse_name(name)) for name in names)


def _name(name: Name) -> str:
    family, given, particle, suffix = map(escape_bibtex, (name.family, name.given, name.particle, name.suffix))
    if name.is_group:
        return f"{{{family}}}"
    if family[0].islower():  # in braces it is no particle
        family = f"{{{family}}}"
    return ", ".join(filter(None, (f"{particle} {family}".strip(), suffix, given)))


def _address(text: str) -> str:
    """An address is printed verbatim, so it is not escaped; braces would unbalance the entry, a backslash end it."""
    return text.replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")

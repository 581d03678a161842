"""BibTeX entries of papers and sources."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from moe_kb.db.reader import Reader
from moe_kb.errors import MoeKbError
from moe_kb.queries.citations import cited

_SPECIAL = {
    "\\": r"\textbackslash{}",
    # BibTeX counts braces without looking for a backslash before them.
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What an entry is made from: a paper or a source."""

    kind: str
    key: str
    title: str
    authors: tuple[str, ...] = ()
    authors_complete: bool = True
    year: str | None = None
    venue: str | None = None
    """Where a paper appeared."""
    version: str | None = None
    """Of a source."""
    arxiv: str | None = None
    doi: str | None = None
    url: str | None = None

    @classmethod
    def stored(cls, record: str, content: str) -> Work:
        """From a record's full name and its text as the database stores it.

        Raises:
            MoeKbError: The record is neither a paper nor a source.
        """
        kind = record.partition(":")[0]
        if kind not in ("paper", "source"):
            raise MoeKbError(
                f"{record} is a {kind}: papers and sources can be cited; "
                f"`moe-kb cite {record} --field FIELD` cites the sources of one of its fields."
            )
        data = json.loads(content)
        ids, links = data.get("ids") or {}, data.get("links") or {}
        url = links.get("paper") if kind == "paper" else data.get("url")
        found = re.search(r"arxiv\.org/abs/(\d{4}\.\d{4,5})", url or "") if kind == "source" else None
        return cls(
            kind=kind,
            key=data["key"],
            title=data["title"],
            authors=tuple(data.get("authors", ())),
            authors_complete=data.get("authors_complete") is not False,
            year=str(data["year"]) if kind == "paper" else (data.get("date") or "")[:4] or None,
            venue=data.get("venue"),
            version=data.get("version"),
            arxiv=found[1] if found else ids.get("arxiv"),
            doi=ids.get("doi"),
            url=url,
        )


def entries(reader: Reader, records: Iterable[str]) -> dict[str, str]:
    """The entry of each record (by full name), each once; a source that is a paper is cited as that paper."""
    return {record: bibtex(Work.stored(record, content)) for record, content in cited(reader, records).items()}


def bibtex(work: Work) -> str:
    """One entry; titles in double braces keep their capitals."""
    return _paper(work) if work.kind == "paper" else _source(work)


def _paper(paper: Work) -> str:
    fields: dict[str, str] = {"title": f"{{{_escape(paper.title)}}}"}
    if paper.authors:
        fields["author"] = _authors(paper.authors) + ("" if paper.authors_complete else " and others")
    fields["year"] = paper.year or ""
    arxiv = paper.arxiv
    kind = "article"
    if paper.venue and not paper.venue.lower().startswith("arxiv"):
        proceedings = re.search(
            r"proceedings|conference|workshop|symposium|advances in|\b(acl|emnlp|naacl|iclr|icml|nips|neurips|cvpr|"
            r"iccv|eccv|kdd|www|sosp|osdi|asplos|atc|mlsys|aaai|ijcai|recsys)\b",
            paper.venue,
            re.IGNORECASE,
        )
        kind = "inproceedings" if proceedings else "article"
        fields["booktitle" if proceedings else "journal"] = _escape(paper.venue)
    elif arxiv:
        fields["journal"] = f"arXiv preprint arXiv:{arxiv}"
    else:
        kind = "misc"
    if arxiv:
        fields |= {"eprint": arxiv, "archivePrefix": "arXiv"}
    if paper.doi:
        fields["doi"] = _address(paper.doi)
    if paper.url:
        fields["url"] = _address(paper.url)
    return _entry(kind, citation_key(paper), fields)


def _source(source: Work) -> str:
    fields = {"title": f"{{{_escape(source.title)}}}"}
    if source.authors:
        fields["author"] = _authors(source.authors)
    if source.year:
        fields["year"] = source.year
    if source.arxiv:
        journal = f"arXiv preprint arXiv:{source.arxiv}"
        fields |= {"journal": journal, "eprint": source.arxiv, "archivePrefix": "arXiv"}
    if source.version:
        fields["note"] = _escape(source.version)
    if source.url:
        fields["url"] = _address(source.url)
    return _entry("article" if source.arxiv else "misc", source.key, fields)


def citation_key(paper: Work) -> str:
    """First author's family name, year, and the record's key: readable and unique."""
    family = ""
    if paper.authors:
        first = paper.authors[0]
        name = first.split(",")[0] if "," in first else first.split()[-1]
        family = re.sub(r"[^a-z]", "", unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower())
    return f"{family}{paper.year}{paper.key}"


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@{kind}{{{key},\n{body}}}\n"


def _escape(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text)


def _authors(names: Sequence[str]) -> str:
    """Names joined as BibTeX wants them; one that holds an `and` is kept together by braces."""
    return " and ".join(f"{{{_escape(n)}}}" if re.search(r"\band\b", n) else _escape(n) for n in names)


def _address(text: str) -> str:
    """An address is printed verbatim, so it is not escaped; braces would unbalance the entry."""
    return text.replace("{", "%7B").replace("}", "%7D")

"""BibTeX entries of papers and sources."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

from moe_kb.errors import MoeKbError
from moe_kb.records import Paper, Record, Source

if TYPE_CHECKING:
    from moe_kb.kb import KnowledgeBase

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


def entries(kb: KnowledgeBase, names: Iterable[str]) -> dict[str, str]:
    """The entry of each record named, by full name, each once; a source that is a paper is cited as that paper."""
    found: dict[str, str] = {}
    for name in names:
        record = kb.get(name)
        if isinstance(record, Source) and record.paper:
            record = kb.paper(record.paper)
        if record.reference not in found:
            found[record.reference] = bibtex(record)
    return found


def bibtex(record: Record) -> str:
    """One entry; titles in double braces keep their capitals.

    Raises:
        MoeKbError: The record is neither a paper nor a source.
    """
    if isinstance(record, Paper):
        return _paper(record)
    if isinstance(record, Source):
        return _source(record)
    raise MoeKbError(
        f"{record.reference} is a {record.KIND}: papers and sources can be cited; "
        f"`moe-kb cite {record.reference} --field FIELD` cites the sources of one of its fields."
    )


def _paper(paper: Paper) -> str:
    fields: dict[str, str] = {"title": f"{{{_escape(paper.title)}}}"}
    if paper.authors:
        fields["author"] = _authors(paper.authors) + (" and others" if paper.authors_complete is False else "")
    fields["year"] = str(paper.year)
    arxiv = paper.ids.arxiv if paper.ids else None
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
    if paper.ids and paper.ids.doi:
        fields["doi"] = _address(paper.ids.doi)
    if paper.links and paper.links.paper:
        fields["url"] = _address(paper.links.paper)
    return _entry(kind, citation_key(paper), fields)


def _source(source: Source) -> str:
    fields = {"title": f"{{{_escape(source.title)}}}"}
    if source.authors:
        fields["author"] = _authors(source.authors)
    if source.date:
        fields["year"] = source.date[:4]
    arxiv = re.search(r"arxiv\.org/abs/(\d{4}\.\d{4,5})", source.url or "")
    if arxiv:
        fields |= {"journal": f"arXiv preprint arXiv:{arxiv[1]}", "eprint": arxiv[1], "archivePrefix": "arXiv"}
    if source.version:
        fields["note"] = _escape(source.version)
    if source.url:
        fields["url"] = _address(source.url)
    return _entry("article" if arxiv else "misc", source.key, fields)


def citation_key(paper: Paper) -> str:
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


def _authors(names: list[str]) -> str:
    """Names joined as BibTeX wants them; one that holds an `and` is kept together by braces."""
    return " and ".join(f"{{{_escape(n)}}}" if re.search(r"\band\b", n) else _escape(n) for n in names)


def _address(text: str) -> str:
    """An address is printed verbatim, so it is not escaped; braces would unbalance the entry."""
    return text.replace("{", "%7B").replace("}", "%7D")

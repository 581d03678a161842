"""What `moe-kb show` prints."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from moe_kb.claims.claim import Claim
from moe_kb.fields import GATING_PROPERTIES, value_label
from moe_kb.format import citation
from moe_kb.queries.values import covers

if TYPE_CHECKING:
    from moe_kb.kb import KnowledgeBase
    from moe_kb.queries.record_page import RecordPage, SourcedText


def as_text(kb: KnowledgeBase, name: str) -> str:
    """A page of text."""
    page = kb.page(name)
    lines = [f"{page.name}{f' ({page.year})' if page.year else ''}   {page.record}"]
    if page.title and page.title != page.name:
        lines.append(page.title)
    if page.summary:
        places = "; ".join(_place(cite.source, cite.locator)[1:-1] for cite in page.summary.cites)
        lines += ["", page.summary.text, f"    [{places}]"]
    lines += _design(page)
    lines += ["", *(f"  {row:>3}  {label}" for row, label in page.rows)] if page.rows else []
    lines += _placements(page)
    lines += _edges(kb, page.record)
    lines += _claims(kb, page.record)
    lines += _issues(kb, page.record)
    lines += ["", f"file: {page.path} (of every claim that names no other)"]
    return "\n".join(lines)


def _place(source: str | None, locator: str | None) -> str:
    return f"[{citation(source, locator)}]" if source else ""


def _design(page: RecordPage) -> list[str]:
    lines: list[str] = []
    if page.properties:
        lines += ["", "Properties"]
    for sourced in page.properties:
        inferred = ", inferred" if sourced.derived else ""
        label, value = GATING_PROPERTIES[sourced.label].label, value_label(sourced.label, sourced.text)
        lines.append(f"  {label:28} {value}  {_cited(sourced)}{inferred}")
    for equation in page.equations:
        lines += ["", f"{equation.label}  {_cited(equation)}", f"  {equation.text}"]
        lines += [f"    {meaning}" for meaning in equation.details]
    if page.algorithm:
        lines += ["", f"Steps  {_cited(page.algorithm)}"]
        lines += [f"  {number}. {step}" for number, step in enumerate(page.algorithm.details, start=1)]
    if page.implementation:
        lines += ["", f"Runnable: python -m reference_impls run {page.implementation}"]
    return lines


def _cited(sourced: SourcedText) -> str:
    (cite,) = sourced.cites
    return _place(cite.source, cite.locator)


def _placements(page: RecordPage) -> list[str]:
    lines = [
        f"  {placed.label}: {placed.text}  {_cited(placed)}{', inferred' if placed.derived else ''}"
        for placed in page.placements
    ]
    return ["", "Classified as", *lines] if lines else []


def _edges(kb: KnowledgeBase, name: str) -> list[str]:
    lines = []
    for edge in kb.edges(name):
        if edge.type in ("placed-in", "is-a"):
            continue
        forward = edge.head == name
        arrow = f"{edge.type} ->" if forward else f"<- {edge.type}"
        inferred = ", inferred" if edge.status == "derived" else ""
        other = edge.tail if forward else edge.head
        lines.append(f"  {arrow:18} {other}  {_place(edge.source, edge.locator)}{inferred}")
    return ["", "Edges", *lines] if lines else []


def _files(kb: KnowledgeBase, claims: Iterable[Claim]) -> dict[str, str]:
    """The files behind claims, by the full name of the record that makes them."""
    return {record: kb.path_of(record) for record in dict.fromkeys(claim.record for claim in claims)}


def _claims(kb: KnowledgeBase, name: str) -> list[str]:
    claims = kb.claims(name)
    # The page's own file stands at its end; a claim of another record, such as a table, names that one's.
    files = {**_files(kb, claims), name: ""}
    disputed = {(item.configuration, item.field, item.setting) for item in kb.disagreements(name, resolved=False)}
    lines: list[str] = []
    for configuration, group in groupby(claims, key=lambda claim: claim.configuration):
        lines += ["", f"Claims: {configuration}" if configuration else "Claims"]
        for claim in group:
            line = _claim(claim, (configuration, claim.field, claim.setting) in disputed)
            lines.append(f"{line}  {files[claim.record]}".rstrip())
    return lines


def _claim(claim: Claim, disputed: bool) -> str:
    mark = "!" if disputed else " "
    field = f"{claim.field} ({claim.setting})" if claim.setting else claim.field
    extra = "".join(f", {words}" for words in reversed(covers(claim)) if words)
    extra += ", derived" if claim.status == "derived" else ""
    indent = "  " if claim.preferred else "      "
    return f"{mark}{indent}{field}: {claim.shown_with_unit[:120]}  {_place(claim.source, claim.locator)}{extra}"


def _issues(kb: KnowledgeBase, name: str) -> list[str]:
    issues = kb.audit(name)
    lines = []
    for issue in issues:
        about = " ".join(filter(None, (issue.configuration and f"[{issue.configuration}]", issue.field)))
        lines.append(f"{' ' if issue.waived else '!'} {issue.short_id}  {issue.rule}  {about}: {issue.message}")
        if issue.waived:
            lines.append(f"      waived: {issue.waived.text}")
    return ["", f"Audit: {len(issues)} issue{'s' if len(issues) > 1 else ''}", *lines] if issues else []

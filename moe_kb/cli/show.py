"""What `moe-kb show` prints."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from moe_kb.claims.claim import Claim
from moe_kb.format import citation
from moe_kb.records import Design, Table

if TYPE_CHECKING:
    from moe_kb.kb import KnowledgeBase
    from moe_kb.records import Record


def as_data(kb: KnowledgeBase, name: str) -> dict[str, Any]:
    """The record with its edges, claims, disagreements and audit findings."""
    record = kb.get(name)
    return {
        "record": record.reference,
        "content": record.model_dump(mode="json", exclude_defaults=True, exclude_none=True),
        "edges": [asdict(edge) for edge in kb.edges(record.reference)],
        "claims": [asdict(claim) for claim in kb.claims(record.reference)],
        "disagreements": [asdict(item) for item in kb.disagreements(record.reference)],
        "findings": [finding.as_data() for finding in kb.audit(record.reference)],
        "file": kb.path_of(record.reference),
    }


def as_text(kb: KnowledgeBase, name: str) -> str:
    """A page of text."""
    record = kb.get(name)
    brief = kb.brief(record.reference)
    lines = [f"{brief.label}   {record.reference}"]
    title = getattr(record, "title", None)
    if title and title != record.name:
        lines.append(title)
    if record.summary:
        cites = "; ".join(citation(cite.source, cite.locator) for cite in record.summary.cites)
        lines += ["", record.summary.text, f"    [{cites}]"]
    if isinstance(record, Design):
        lines += _design(kb, record)
    if isinstance(record, Table):
        lines += ["", *(f"  {row.row:>3}  {row.label}" for row in record.rows)]
    lines += _placements(record)
    lines += _edges(kb, record.reference)
    lines += _claims(kb, record.reference)
    lines += _findings(kb, record.reference)
    lines += ["", f"file: {kb.path_of(record.reference)}"]
    return "\n".join(lines)


def _place(source: str | None, locator: str | None) -> str:
    return f"[{citation(source, locator)}]" if source else ""


def _design(kb: KnowledgeBase, design: Design) -> list[str]:
    lines: list[str] = []
    for name, sourced in design.properties or ():
        if sourced is not None:
            value = ("yes" if sourced.value else "no") if isinstance(sourced.value, bool) else sourced.value
            inferred = ", inferred" if sourced.status == "derived" else ""
            lines.append(f"  {name.replace('_', ' '):28} {value}  {_place(sourced.source, sourced.locator)}{inferred}")
    if lines:
        lines = ["", "Properties", *lines]
    for equation in design.equations:
        lines += ["", f"{equation.label}  {_place(equation.source, equation.locator)}", f"  {equation.latex}"]
        lines += [f"    {symbol}: {meaning}" for symbol, meaning in equation.legend.items()]
    if design.algorithm:
        lines += ["", f"Steps  {_place(design.algorithm.source, design.algorithm.locator)}"]
        lines += [f"  {number}. {step}" for number, step in enumerate(design.algorithm.steps, start=1)]
    if kb.implementation_of(design.reference):
        lines += ["", f"Runnable: python -m reference_impls run {design.implementation}"]
    return lines


def _placements(record: Record) -> list[str]:
    placements = sorted(record.placements, key=lambda placement: (placement.taxonomy, placement.node))
    lines = [
        f"  {placement.taxonomy}: {placement.node}  {_place(placement.source, placement.locator)}"
        + (", inferred" if placement.status == "derived" else "")
        for placement in placements
    ]
    return ["", "Placed", *lines] if lines else []


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


def _claims(kb: KnowledgeBase, name: str) -> list[str]:
    claims = kb.claims(name)
    disputed = {(item.configuration, item.field, item.setting) for item in kb.disagreements(name, resolved=False)}
    lines: list[str] = []
    for configuration, group in groupby(claims, key=lambda claim: claim.configuration):
        lines += ["", f"Claims: {configuration}" if configuration else "Claims"]
        lines += [_claim(claim, (configuration, claim.field, claim.setting) in disputed) for claim in group]
    return lines


def _claim(claim: Claim, disputed: bool) -> str:
    mark = "!" if disputed else " "
    field = f"{claim.field} ({claim.setting})" if claim.setting else claim.field
    extra = "".join(f", {x}" for x in (claim.counting, claim.scope) if x)
    extra += ", derived" if claim.status == "derived" else ""
    indent = "  " if claim.preferred else "      "
    return f"{mark}{indent}{field}: {claim.shown_with_unit[:120]}  {_place(claim.source, claim.locator)}{extra}"


def _findings(kb: KnowledgeBase, name: str) -> list[str]:
    findings = kb.audit(name)
    lines = []
    for finding in findings:
        about = " ".join(filter(None, (finding.configuration and f"[{finding.configuration}]", finding.field)))
        lines.append(f"{' ' if finding.waived else '!'} {finding.rule}  {about}: {finding.message}")
        if finding.waived:
            lines.append(f"      waived: {finding.waived.text}")
    return ["", f"Audit: {len(findings)} finding{'s' if len(findings) > 1 else ''}", *lines] if findings else []

"""The rows of one record: a pure function, so that a changed record's rows can be replaced alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from moe_kb import references
from moe_kb.claims.claim import Claim
from moe_kb.records import Accelerator, Design, Mixture, Model, Paper, Record, Source, System, Table, Taxonomy

Rows = Iterator[tuple[str, dict[str, Any]]]


def record_rows(record: Record, path: str, identity: int) -> Rows:
    """Yield (table, row) for everything a record says, except claims."""
    name = record.reference
    summary = record.summary.text if record.summary else None
    yield (
        "records",
        {
            "id": identity,
            "record": name,
            "kind": record.KIND,
            "key": record.key,
            "name": record.name,
            "year": year_of(record),
            "summary": summary,
            "path": path,
            "superseded_by": f"{record.KIND}:{record.superseded_by}" if record.superseded_by else None,
            "content": record.model_dump_json(exclude_defaults=True, exclude_none=True),
        },
    )
    for alias in getattr(record, "aliases", ()):
        yield "aliases", {"record": name, "alias": alias}
    for identifier in references.identifiers(record):
        yield "identifiers", {"record": name, "scheme": identifier.scheme, "value": identifier.value}
    for target in dict.fromkeys(ref.to for ref in references.references(record)):
        yield "record_references", {"record": name, "target": target}
    for placement in record.placements:
        yield (
            "placements",
            {
                "record": name,
                "taxonomy": placement.taxonomy,
                "node": placement.node,
                "printed_as": "; ".join(placement.printed_as) or None,
                "status": placement.status,
                "source": placement.source,
                "locator": placement.locator,
            },
        )
        yield (
            "edges",
            _edge(
                name,
                name,
                "placed-in",
                f"node:{placement.taxonomy}:{placement.node}",
                placement.source,
                placement.locator,
                placement.status,
            ),
        )
    for relation in record.relations:
        yield (
            "edges",
            _edge(
                name,
                name,
                relation.kind,
                relation.to,
                relation.source,
                relation.locator,
                relation.status,
                relation.note,
            ),
        )
    yield from _of_kind(record, name, summary)


def _edge(
    record: str,
    head: str,
    kind: str,
    tail: str,
    source: str | None,
    locator: str | None,
    status: str = "reported",
    note: str | None = None,
) -> dict[str, Any]:
    return {
        "record": record,
        "head": head,
        "type": kind,
        "tail": tail,
        "status": status,
        "source": source,
        "locator": locator,
        "note": note,
    }


def _of_kind(record: Record, name: str, summary: str | None) -> Rows:
    if isinstance(record, Paper):
        yield from _paper(record, name, summary)
    elif isinstance(record, Design):
        yield from _design(record, name, summary)
    elif isinstance(record, Model):
        yield from _model(record, name)
    elif isinstance(record, System):
        yield (
            "systems",
            {
                "key": record.key,
                "record": name,
                "name": record.name,
                "organisation": record.organisation,
                "repository": record.repository,
                "licence": record.licence,
                "summary": summary,
            },
        )
        yield from _described_by(record, name, record.papers)
    elif isinstance(record, Accelerator):
        yield "accelerators", _accelerator(record, summary)
    elif isinstance(record, Source):
        yield (
            "sources",
            {
                "key": record.key,
                "record": name,
                "name": record.name,
                "title": record.title,
                "type": record.type,
                "url": record.url,
                "paper": record.paper,
                "version": record.version,
                "date": record.date,
            },
        )
    elif isinstance(record, Table):
        for row in record.rows:
            yield (
                "table_rows",
                {
                    "record": name,
                    "row": row.row,
                    "label": row.label,
                    "cells": json.dumps(row.model_dump(exclude_none=True)["cells"], ensure_ascii=False),
                },
            )


def _accelerator(device: Accelerator, summary: str | None) -> dict[str, Any]:
    link = device.interconnect
    return {
        "key": device.key,
        "record": device.reference,
        "name": device.name,
        "organisation": device.organisation,
        "released": device.released,
        **{field: figure.number for field, figure in device.figures()},
        "interconnect_direction": link.direction if link else None,
        "interconnect_one_way": link.one_way if link else None,
        "interconnect_link": link.link if link else None,
        "summary": summary,
    }


def _paper(paper: Paper, name: str, summary: str | None) -> Rows:
    ids, links = paper.ids, paper.links
    arxiv = ids.arxiv if ids else None
    yield (
        "papers",
        {
            "key": paper.key,
            "record": name,
            "name": paper.name,
            "title": paper.title,
            "year": year_of(paper),
            "published": paper.year,
            "date": paper.date,
            "venue": paper.venue,
            "authors": "; ".join(paper.authors),
            "scope": paper.scope,
            "arxiv": arxiv,
            "doi": ids.doi if ids else None,
            "url": links.paper if links else None,
            "code_url": links.code if links else None,
            "project_url": links.project if links else None,
            "summary": summary,
        },
    )
    for position, author in enumerate(paper.authors, start=1):
        yield "authors", {"record": name, "position": position, "author": author}


def _design(design: Design, name: str, summary: str | None) -> Rows:
    yield (
        "designs",
        {
            "key": design.key,
            "record": name,
            "name": design.name,
            "component": design.component,
            "year": design.year,
            "summary": summary,
            "implementation": design.implementation,
        },
    )
    for property_name, sourced in design.properties or ():
        if sourced is not None:
            value = sourced.value
            yield (
                "design_properties",
                {
                    "record": name,
                    "property": property_name,
                    "status": sourced.status,
                    "note": sourced.note,
                    "value": ("yes" if value else "no") if isinstance(value, bool) else str(value),
                    "source": sourced.source,
                    "locator": sourced.locator,
                },
            )
    for position, equation in enumerate(design.equations, start=1):
        yield (
            "equations",
            {
                "record": name,
                "position": position,
                "label": equation.label,
                "latex": equation.latex,
                "legend": json.dumps(equation.legend, ensure_ascii=False),
                "source": equation.source,
                "locator": equation.locator,
            },
        )
    for usage in design.usages:
        yield (
            "usages",
            {
                "record": name,
                "by": usage.by,
                "role": usage.role,
                "term": usage.term,
                "coefficient": usage.coefficient,
                "status": usage.status,
                "source": usage.source,
                "locator": usage.locator,
                "note": usage.note,
            },
        )
        yield "edges", _edge(name, usage.by, usage.role, name, usage.source, usage.locator, usage.status, usage.note)
    if design.implementation:
        yield "edges", _edge(name, f"implementation:{design.implementation}", "implements", name, None, None)


def _model(model: Model, name: str) -> Rows:
    yield (
        "models",
        {
            "key": model.key,
            "record": name,
            "name": model.name,
            "organisation": model.organisation,
            "released": model.released,
            "openness": model.openness,
            "domain": model.domain,
            "licence": model.licence,
            "n_configurations": len(model.configurations),
        },
    )
    yield from _described_by(model, name, model.papers)
    routers: dict[str, tuple[str, str | None, str]] = {}
    for position, configuration in enumerate(model.configurations, start=1):
        architecture = configuration.architecture
        yield (
            "configurations",
            {
                "record": name,
                "label": configuration.label,
                "position": position,
                "source": architecture.source if architecture else None,
                # Whether the source is a released config is filled in once every source's type is known.
                "released_config": False,
                "architecture": architecture.model_dump_json(exclude_defaults=True, exclude_none=True)
                if architecture
                else None,
            },
        )
        if architecture:
            for layer in (layer for stack in architecture.stacks.values() for layer in stack.layers()):
                for sublayer in layer:
                    if isinstance(sublayer, Mixture) and sublayer.router and sublayer.router.design:
                        routers.setdefault(
                            sublayer.router.design, (architecture.source, architecture.locator, architecture.status)
                        )
    for design, (source, locator, status) in routers.items():
        yield "edges", _edge(name, name, "uses", f"design:{design}", source, locator, status, "router of its layers")


def _described_by(record: Record, name: str, papers: list[str]) -> Rows:
    for key in papers:
        cited = next((p for p in record.provenance if "papers" in p.fields), None)
        yield (
            "edges",
            _edge(
                name,
                name,
                "described-by",
                f"paper:{key}",
                cited.source if cited else None,
                cited.locator if cited else None,
            ),
        )


def year_of(record: Record) -> int | None:
    """Year by which a record is filtered and sorted: first public, else published, introduced or released."""
    if isinstance(record, Paper):
        return int(record.folder_year)
    if isinstance(record, Design):
        return record.year
    released = getattr(record, "released", None) or getattr(record, "date", None)
    return int(released[:4]) if released else None


def search_text(record: Record) -> tuple[str, str, str]:
    """What full-text search looks at: names, title, everything else in words."""
    names = [record.name, record.key, *getattr(record, "aliases", ())]
    title = getattr(record, "title", "") or ""
    body = [record.summary.text if record.summary else ""]
    if isinstance(record, Paper):
        body += [*record.authors, record.venue or "", (record.ids.arxiv or "") if record.ids else ""]
    elif isinstance(record, Design):
        body += [record.component]
        body += list(record.algorithm.steps if record.algorithm else [])
        body += [equation.label for equation in record.equations]
    elif isinstance(record, Model):
        body += [record.organisation or "", record.domain or "", *(c.label for c in record.configurations)]
    elif isinstance(record, (System, Accelerator)):
        body += [record.organisation or ""]
    elif isinstance(record, Table):
        body += [row.label for row in record.rows]
    body += [name for placement in record.placements for name in placement.printed_as]
    return " ".join(dict.fromkeys(names)), title, "\n".join(text for text in body if text)


def claim_row(claim: Claim) -> dict[str, Any]:
    """A claim as a row of `claims`."""
    return {
        "record": claim.record,
        "subject": claim.subject,
        "configuration": claim.configuration,
        "field": claim.field,
        "value": claim.text,
        "number": claim.number,
        "printed": claim.printed,
        "unit": claim.unit,
        "status": claim.status,
        "counting": claim.counting,
        "scope": claim.scope,
        "setting": claim.setting,
        "source": claim.source,
        "locator": claim.locator,
        "table_row": claim.table_row,
        "note": claim.note,
        "preferred": claim.preferred,
        "repeats": claim.repeats,
    }


def taxonomy_rows(taxonomy: Taxonomy) -> Rows:
    """Nodes of a taxonomy under a root with the empty id, and which lies under which."""
    yield (
        "taxonomies",
        {
            "key": taxonomy.key,
            "name": taxonomy.name,
            "description": taxonomy.description,
            "source": taxonomy.source,
            "locator": taxonomy.locator,
        },
    )
    parents = {node.parent or "" for node in taxonomy.nodes}
    yield (
        "nodes",
        {
            "taxonomy": taxonomy.key,
            "node": "",
            "parent": None,
            "label": taxonomy.name,
            "level": 0,
            "position": 0,
            "leaf": not taxonomy.nodes,
            "description": taxonomy.description,
            "locator": taxonomy.locator,
        },
    )
    yield "node_ancestors", {"taxonomy": taxonomy.key, "node": "", "ancestor": ""}
    for position, node in enumerate(taxonomy.nodes, start=1):
        yield (
            "nodes",
            {
                "taxonomy": taxonomy.key,
                "node": node.id,
                "parent": node.parent or "",
                "label": node.label,
                "level": node.id.count("/") + 1,
                "position": position,
                "leaf": node.id not in parents,
                "description": node.description,
                "locator": node.locator,
            },
        )
        pieces = node.id.split("/")
        for depth in range(len(pieces) + 1):
            yield ("node_ancestors", {"taxonomy": taxonomy.key, "node": node.id, "ancestor": "/".join(pieces[:depth])})
        parent = f"node:{taxonomy.key}:{node.parent}" if node.parent else f"taxonomy:{taxonomy.key}"
        yield (
            "edges",
            _edge(
                f"taxonomy:{taxonomy.key}",
                f"node:{taxonomy.key}:{node.id}",
                "is-a",
                parent,
                taxonomy.source,
                node.locator,
            ),
        )

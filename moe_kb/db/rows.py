"""The rows of one record: a pure function, so that a changed record's rows can be replaced alone."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from pydantic import BaseModel

from moe_kb import references
from moe_kb.claims.claim import Claim
from moe_kb.folding import fold, plain_letters, words
from moe_kb.names import parse_name
from moe_kb.records import (
    Accelerator,
    Architecture,
    Attention,
    Citation,
    Design,
    Guide,
    Mixture,
    Model,
    Paper,
    Record,
    Source,
    System,
    Table,
    Taxonomy,
)

Row = tuple[str, dict[str, Any]]
"""A table, and what is said by column."""
Rows = Iterator[Row]
_CLAIM_FIELDS = fields(Claim)


def record_rows(record: Record, path: str, identity: int) -> Rows:
    """Yield (table, row) for everything a record says, except claims.

    A row may say more than its table has columns for: what a part of a record says goes in whole, by the names of its
    fields, and the writer takes what there is a column for.
    """
    name = record.reference
    about = {
        **dict(record),
        "id": identity,
        "record": name,
        "kind": record.KIND,
        "year": year_of(record),
        "summary": record.summary.text if record.summary else None,
        "path": path,
        "superseded_by": f"{record.KIND}:{record.superseded_by}" if record.superseded_by else None,
        "content": record.model_dump_json(exclude_defaults=True, exclude_none=True),
    }
    yield "records", about
    for alias in getattr(record, "aliases", ()):
        yield "aliases", {"record": name, "alias": alias}
    for identifier in references.identifiers(record):
        yield "identifiers", {"record": name, "scheme": identifier.scheme, "value": identifier.value}
    for address in references.addresses(record):
        yield "addresses", {"record": name, "address": address}
    for target in dict.fromkeys(ref.to for ref in references.references(record)):
        yield "record_references", {"record": name, "target": target}
    for placement in record.placements:
        printed_as = "; ".join(placement.printed_as) or None
        yield "placements", {**dict(placement), "record": name, "printed_as": printed_as}
        yield edge_row(name, name, "placed-in", f"node:{placement.taxonomy}:{placement.node}", placement)
    printed = {
        (place.source, fold(printed))
        for place in record.placements
        for printed in "; ".join(place.printed_as).split("; ")
    }
    for source, folded in sorted((source, folded) for source, folded in printed if folded):
        yield "printed_names", {"record": name, "source": source, "folded": folded}
    for relation in record.relations:
        yield edge_row(name, name, relation.kind, relation.to, relation)
    if isinstance(record, Paper):
        yield from _paper(record, about)
    elif isinstance(record, Design):
        yield from _design(record, about)
    elif isinstance(record, Model):
        yield from _model(record, about)
    elif isinstance(record, System):
        yield "systems", about
        yield from _described_by(record, record.papers)
    elif isinstance(record, Accelerator):
        figures = {field: figure.number for field, figure in record.figures()}
        link = {f"interconnect_{field}": value for field, value in record.interconnect or ()}
        one_way = record.interconnect.one_way if record.interconnect else None
        yield "accelerators", {**about, **link, **figures, "interconnect_one_way": one_way}
    elif isinstance(record, Source):
        yield "sources", about
    elif isinstance(record, Table):
        for row in record.rows:
            cells = json.dumps(row.model_dump(exclude_none=True)["cells"], ensure_ascii=False)
            yield "table_rows", {"record": name, "row": row.row, "label": row.label, "cells": cells}


def edge_row(
    record: str, head: str, kind: str, tail: str, cite: Citation | None, note: str = "", status: str = ""
) -> Row:
    """An edge with the source, locator, status and note of what states it, as far as it has them."""
    said = {"status": "reported", **dict(cite or ())}
    said |= {column: text for column, text in (("note", note), ("status", status)) if text}
    return "edges", {**said, "record": record, "head": head, "type": kind, "tail": tail}


def _paper(paper: Paper, about: dict[str, Any]) -> Rows:
    links = dict(paper.links or ())
    addresses = {"url": links.get("paper"), "code_url": links.get("code"), "project_url": links.get("project")}
    authors = "; ".join(paper.authors)
    yield "papers", {**about, **dict(paper.ids or ()), **addresses, "published": paper.year, "authors": authors}
    for position, author in enumerate(paper.authors, start=1):
        name = parse_name(author)
        about_name = {"family": " ".join(words(name.family)), "given": " ".join(words(name.given))}
        yield "authors", {"record": paper.reference, "position": position, "author": author, **about_name}


def _design(design: Design, about: dict[str, Any]) -> Rows:
    name = design.reference
    yield "designs", about
    for property_name, sourced in design.properties or ():
        if sourced is not None:
            value = sourced.value
            text = ("yes" if value else "no") if isinstance(value, bool) else str(value)
            yield "design_properties", {**dict(sourced), "record": name, "property": property_name, "value": text}
    for position, equation in enumerate(design.equations, start=1):
        legend = json.dumps(equation.legend, ensure_ascii=False)
        yield "equations", {**dict(equation), "record": name, "position": position, "legend": legend}
    for usage in design.usages:
        yield "usages", {**dict(usage), "record": name}
        yield edge_row(name, usage.by, usage.role, name, usage)
    if design.implementation:
        yield edge_row(name, f"implementation:{design.implementation}", "implements", name, None)


def _model(model: Model, about: dict[str, Any]) -> Rows:
    name = model.reference
    yield "models", {**about, "n_configurations": len(model.configurations)}
    yield from _described_by(model, model.papers)
    routers: dict[str, Architecture] = {}
    for position, configuration in enumerate(model.configurations, start=1):
        architecture = configuration.architecture
        # Whether the source is a released config is filled in once every source's type is known.
        row = {"record": name, "label": configuration.label, "position": position, "released_config": False}
        if architecture:
            row["source"] = architecture.source
            row["architecture"] = architecture.model_dump_json(exclude_defaults=True, exclude_none=True)
            for sublayer in (s for stack in architecture.stacks.values() for layer in stack.layers() for s in layer):
                if isinstance(sublayer, Mixture) and sublayer.router and sublayer.router.design:
                    routers.setdefault(sublayer.router.design, architecture)
        yield "configurations", row
    for design, architecture in routers.items():
        yield edge_row(name, name, "uses", f"design:{design}", architecture, note="router of its layers")


def _described_by(record: Record, papers: list[str]) -> Rows:
    cited = next((place for place in record.provenance if "papers" in place.fields), None)
    for key in papers:
        yield edge_row(record.reference, record.reference, "described-by", f"paper:{key}", cited)


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
        body += [record.component, *(record.algorithm.steps if record.algorithm else ())]
        for name, sourced in record.properties or ():
            if sourced is not None:
                said = _PROPERTIES.get((name, sourced.value))
                body.append(said or ("" if isinstance(sourced.value, bool) else str(sourced.value)))
        for equation in record.equations:
            body += [equation.label, equation.note or ""]
    elif isinstance(record, Model):
        body += [record.organisation or "", record.domain or "", *(c.label for c in record.configurations)]
        body += _layer_words(record)
    elif isinstance(record, (System, Accelerator)):
        body += [record.organisation or ""]
        body += record.parallelism if isinstance(record, System) else ()
    elif isinstance(record, Table):
        body += [row.label for row in record.rows]
    body += [name for placement in record.placements for name in placement.printed_as]
    for claim in record.claims:
        values = claim.value if isinstance(claim.value, list) else [claim.value]
        body += [str(value) for value in values if "://" not in str(value)]
    for place in _citations(record):
        body += [getattr(place, "note", None) or "", *_CODE.findall(place.locator or "")]
    once = dict.fromkeys(text for text in body if re.search(r"[^\W\d]", text))
    return _searchable(" ".join(dict.fromkeys(names))), _searchable(title), "\n".join(map(_searchable, once))


#: What people call properties that their values do not say.
_PROPERTIES = {
    ("chooser", "token"): "token choice",
    ("chooser", "expert"): "expert choice",
    ("overflow", "none"): "dropless",
    ("overflow", "dropped"): "token dropping",
    ("selection_bias", True): "selection bias",
    ("shared_experts", True): "shared experts",
    ("null_experts", True): "null experts",
    ("renormalised", True): "renormalised",
    ("autoregressive_safe", True): "causal",
    ("trainable", False): "frozen, not trained",
}


#: What layers are called where their kind does not say it.
_LAYERS = {
    "mla": "multi-head latent attention",
    "kda": "Kimi delta attention",
    "lightning": "lightning attention",
    "dense": "dense layers",
    "moe": "mixture of experts",
    "unknown": "",
}


def _layer_words(model: Model) -> Iterator[str]:
    """What a model's layers are called."""
    for architecture in filter(None, (configuration.architecture for configuration in model.configurations)):
        if architecture.n_mtp_layers:
            yield "multi-token prediction"
        for sublayer in (s for stack in architecture.stacks.values() for layer in stack.layers() for s in layer):
            yield _LAYERS.get(sublayer.kind, sublayer.kind.replace("-", " "))
            if isinstance(sublayer, Attention):
                if sublayer.n_kv_heads and sublayer.n_kv_heads < sublayer.n_heads:
                    yield "multi-query attention" if sublayer.n_kv_heads == 1 else "grouped-query attention"
                if sublayer.window:
                    yield "sliding-window attention"
            if isinstance(sublayer, Mixture) and sublayer.shared:
                yield "shared experts"
            if isinstance(sublayer, Mixture) and sublayer.zero:
                yield "zero-computation experts"


#: Names in code: `DeepseekV3TopkRouter`, `modeling_mixtral.py`, `norm_topk_prob`.
_CODE = re.compile(r"\b(?:[A-Z]+[a-z0-9]+[A-Z]\w*|[A-Za-z]\w*_\w+(?:\.py)?|\w+\.py)\b")


def _citations(value: Any) -> Iterator[Citation]:
    """Every part of a record that cites a source."""
    if isinstance(value, Citation):
        yield value
    if isinstance(value, BaseModel):
        for _, held in value:
            if isinstance(held, (BaseModel, list)):
                yield from _citations(held)
    elif isinstance(value, list):
        for held in value:
            yield from _citations(held)


def _searchable(text: str) -> str:
    """A text, and again in plain letters where it has letters without decomposition (ø, ł, ß).

    The index takes accents off by itself; what it leaves is found as it is written and as people type it.
    """
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFD", text.lower())
    unaccented = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return text if words(unaccented) == re.findall(r"[^\W_]+", unaccented) else f"{text} ({plain_letters(text)})"


def claim_row(claim: Claim) -> dict[str, Any]:
    """A claim as a row of `claims`."""
    said = {field.name: getattr(claim, field.name) for field in _CLAIM_FIELDS}
    identifier = references.identified(claim.field, claim.text)
    return {**said, "value": claim.text, "number": claim.number, "identifier": identifier}


def guide_rows(guide: Guide) -> Rows:
    """Answers of the guide's questions, and its rules."""
    for question in guide.questions:
        for answer in question.answers:
            row = {"question": question.key, "short": question.label, "asked": question.question}
            yield "guide_answers", {**row, "help": question.help, "answer": answer.key, "label": answer.label}
    for rule in guide.rules:
        parts = rule.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        texts = {
            name: json.dumps(parts.get(name, []), ensure_ascii=False) for name in ("any_of", "refuted_by", "cites")
        }
        texts["when"] = json.dumps(parts.get("when", {}))
        yield "guide_rules", {**dict(rule), **texts}


def taxonomy_rows(taxonomy: Taxonomy) -> Rows:
    """Nodes of a taxonomy under a root with the empty id, and which lies under which."""
    yield "taxonomies", dict(taxonomy)
    above = {node.parent or "" for node in taxonomy.nodes}
    root = {"taxonomy": taxonomy.key, "node": "", "label": taxonomy.name, "level": 0, "position": 0}
    yield "nodes", {**dict(taxonomy), **root, "leaf": not taxonomy.nodes}
    yield "node_ancestors", {"taxonomy": taxonomy.key, "node": "", "ancestor": ""}
    for position, node in enumerate(taxonomy.nodes, start=1):
        place = {"taxonomy": taxonomy.key, "node": node.id, "parent": node.parent or "", "position": position}
        yield "nodes", {**dict(node), **place, "level": node.id.count("/") + 1, "leaf": node.id not in above}
        pieces = node.id.split("/")
        for depth in range(len(pieces) + 1):
            yield "node_ancestors", {"taxonomy": taxonomy.key, "node": node.id, "ancestor": "/".join(pieces[:depth])}
        parent = f"node:{taxonomy.key}:{node.parent}" if node.parent else f"taxonomy:{taxonomy.key}"
        cite = Citation(source=taxonomy.source, locator=node.locator)
        yield edge_row(f"taxonomy:{taxonomy.key}", f"node:{taxonomy.key}:{node.id}", "is-a", parent, cite)

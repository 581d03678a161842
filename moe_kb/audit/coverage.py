"""What is missing, and what leads to nothing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from moe_kb.audit.issue import Issue
from moe_kb.db.reader import Reader
from moe_kb.queries import evidence


def unplaced_paper(reader: Reader) -> Iterator[Issue]:
    """A paper about mixtures of experts has no place in a taxonomy."""
    for paper in evidence.unplaced_papers(reader):
        yield Issue(paper, "no source classifies it", None, "placements")


def design_without_equations(reader: Reader) -> Iterator[Issue]:
    """A gating function, loss, expert or parameter-efficient mixture has neither equations nor steps."""
    for design in evidence.designs_without_equations(reader):
        yield Issue(design, "has neither equations nor steps", None, "equations")


def design_without_implementation(reader: Reader) -> Iterator[Issue]:
    """A gating function cannot be run."""
    for design in evidence.designs_without_implementation(reader):
        yield Issue(design, "no installed implementation runs it", None, "implementation")


def model_without_configuration(reader: Reader) -> Iterator[Issue]:
    """A model has no configuration at all, or is open and none of its layers are described."""
    for model, number, openness in evidence.models_without_layers(reader):
        what = "none of its configurations describes its layers" if number else "has no configuration"
        yield Issue(model, f"{what}{', though it is open' if openness == 'open' else ''}", None, "configurations")


def missing_implementation(reader: Reader) -> Iterator[Issue]:
    """A design names an implementation that is not installed."""
    for design, implementation in evidence.missing_implementations(reader):
        yield Issue(
            design, f"names the implementation {implementation!r}, which is not installed", None, "implementation"
        )


def one_sided_implementation(reader: Reader) -> Iterator[Issue]:
    """An installed implementation says that it runs a design whose record names none."""
    for design, implementation in evidence.claimed_implementations(reader):
        message = f"the implementation {implementation!r} says that it runs it, but the record names none"
        yield Issue(design, message, None, "implementation", implementation)


_ROW = re.compile(r"^(.*?),? rows? (\d+)((?:(?:, | and |, and )\d+)*)$")


def row_that_does_not_exist(reader: Reader) -> Iterator[Issue]:
    """A locator names a row that the transcribed table does not have."""
    rows: dict[tuple[str, str], set[str]] = defaultdict(set)
    cited = evidence.cited_rows(reader)
    for source, locator, row in evidence.transcribed_rows(reader, {source for _, source, _ in cited}):
        rows[source, locator].add(row)
    for record, source, locator in cited:
        match = _ROW.fullmatch(locator)
        if match is None or (source, match[1]) not in rows:
            continue
        for number in [match[2], *re.findall(r"\d+", match[3])]:
            if number not in rows[source, match[1]]:
                message = f"cites {source}, {locator}, but the transcribed table has no row {number}"
                yield Issue(record, message, None, "locator", f"{source}, {match[1]}, {number}", sources=(source,))


def reference_to_nothing(reader: Reader) -> Iterator[Issue]:
    """A record refers to a record or taxonomy node that does not exist."""
    for record, target in evidence.dangling_references(reader):
        yield Issue(record, f"refers to {target}, which does not exist", None, "reference", target)

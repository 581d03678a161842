"""Every rule by its id, and the runner that joins what they find with what has been acknowledged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace

from moe_kb.audit import claims, counts, coverage, dates, identity, sizes
from moe_kb.audit.finding import Acknowledged, Finding
from moe_kb.corpus import ACKNOWLEDGED

Rule = Callable[[sqlite3.Connection], Iterator[Finding]]

#: Families in reading order: heading and rules. A rule's docstring is what the documentation says of it.
FAMILIES: dict[str, tuple[str, tuple[Rule, ...]]] = {
    "claims": (
        "Claims that disagree",
        (claims.differ, claims.idle_note, claims.impossible_order, claims.placement_of_experts),
    ),
    "sizes": (
        "Sizes that do not follow from the hyperparameters",
        (sizes.printed_shape, sizes.described_shape),
    ),
    "counts": (
        "Counts that mix routed and shared experts",
        (
            counts.unclear,
            counts.fits_one_way_only,
            counts.sum_does_not_fit,
            counts.routed_with_shared,
            counts.no_room_for_shared,
        ),
    ),
    "dates": (
        "Dates that contradict identifiers",
        (
            dates.impossible_identifier,
            dates.year_before_preprint,
            dates.venue_before_preprint,
            dates.public_after_preprint,
            dates.public_long_before_preprint,
            dates.release_far_from_report,
            dates.leans_on_later_work,
            dates.design_year,
        ),
    ),
    "identity": (
        "Works and names that are not one to one",
        (
            identity.shared_identifier,
            identity.address_of_another_identifier,
            identity.two_identifiers,
            identity.report_without_link,
            identity.titles_differ,
            identity.alike_titles,
            identity.printed_under_two_names,
            identity.row_under_another_name,
            identity.one_name,
            identity.printed_for_two_works,
        ),
    ),
    "coverage": (
        "What is missing or leads to nothing",
        (
            coverage.unplaced_paper,
            coverage.design_without_equations,
            coverage.design_without_implementation,
            coverage.model_without_configuration,
            coverage.missing_implementation,
            coverage.one_sided_implementation,
            coverage.row_that_does_not_exist,
            coverage.reference_to_nothing,
        ),
    ),
}

#: Rules by id, `family/name-of-the-function`.
RULES: dict[str, Rule] = {
    f"{family}/{rule.__name__.replace('_', '-')}": rule for family, (_, rules) in FAMILIES.items() for rule in rules
}

#: The rule about acknowledgements, which looks at what the others found.
IDLE = "coverage/idle-acknowledgement"


def run(connection: sqlite3.Connection) -> list[Finding]:
    """Every finding, in the order of the rules and, within a rule, of the ids.

    Findings of `data/acknowledged.yaml` come with their reason; an entry of it that acknowledges nothing is a finding.
    """
    noted = {
        finding: Acknowledged(reason, source, locator)
        for finding, reason, source, locator in connection.execute(
            "SELECT finding, reason, source, locator FROM acknowledgements"
        )
    }
    findings: list[Finding] = []
    for name, rule in RULES.items():
        of_rule = [replace(finding, rule=name) for finding in rule(connection)]
        findings += sorted(of_rule, key=lambda finding: finding.id)
    findings = [replace(f, acknowledged=noted.pop(f.id, f.acknowledged)) if f.id in noted else f for f in findings]
    return [*findings, *(_idle(finding, reason) for finding, reason in sorted(noted.items()))]


def _idle(finding: str, why: Acknowledged) -> Finding:
    subject = finding.split("/", 2)[2]
    for mark in "#/=":
        subject = subject.partition(mark)[0]
    message = f"{ACKNOWLEDGED} acknowledges {finding}, which no rule finds any more"
    return Finding(subject, message, None, None, finding, sources=(why.source,), rule=IDLE)


def explanation(rule: str) -> str:
    """What a rule looks for, in a sentence."""
    if rule == IDLE:
        return "An acknowledgement is about a finding that is there no more."
    return (RULES[rule].__doc__ or "").strip().splitlines()[0]


def matching(wanted: str) -> list[str]:
    """Ids of the rules meant by a family or by a rule's id; empty where there are none of that name."""
    return [rule for rule in (*RULES, IDLE) if wanted in (rule, rule.partition("/")[0])]

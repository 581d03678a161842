"""Every rule by its id, and the runner that joins what they find with what has been waived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from moe_kb.audit import claims, counts, coverage, dates, identity, sizes
from moe_kb.audit.issue import Issue, Waived
from moe_kb.corpus import WAIVERS
from moe_kb.db.reader import Reader
from moe_kb.queries import evidence

Rule = Callable[[Reader], Iterator[Issue]]

#: Families in reading order: heading and rules. A rule's docstring is what the documentation says of it.
FAMILIES: dict[str, tuple[str, tuple[Rule, ...]]] = {
    "claims": (
        "Claims that disagree",
        (claims.differ, claims.idle_note, claims.impossible_order, claims.placement_of_experts),
    ),
    "sizes": ("Sizes that do not follow from the hyperparameters", (sizes.printed_shape, sizes.described_shape)),
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

#: The rule about waivers, which looks at what the others found.
IDLE = "coverage/unused-waiver"


#: Where the issues of a rule stand among the others.
ORDER = {rule: place for place, rule in enumerate((*RULES, IDLE))}


def run(reader: Reader) -> list[Issue]:
    """Every issue that concerns a record asked about, in the order of the rules and, within a rule, of the ids.

    Issues of `data/waivers.yaml` come with their reason; an entry of it that waives nothing is an issue.
    """
    noted = {issue: Waived(reason, source, locator) for issue, reason, source, locator in evidence.waivers(reader)}
    issues: list[Issue] = []
    for name, rule in RULES.items():
        of_rule = [replace(issue, rule=name) for issue in rule(reader) if _asked(reader, issue.records)]
        issues += sorted(of_rule, key=lambda issue: issue.id)
    issues = [replace(f, waived=noted.pop(f.id, f.waived)) if f.id in noted else f for f in issues]
    idle = (_idle(issue, reason) for issue, reason in sorted(noted.items()))
    return [*issues, *(issue for issue in idle if _asked(reader, issue.records))]


def _asked(reader: Reader, records: set[str]) -> bool:
    return reader.records is None or not reader.records.isdisjoint(records)


def _idle(issue: str, why: Waived) -> Issue:
    subject = issue.split("/", 2)[2]
    for mark in "#/=":
        subject = subject.partition(mark)[0]
    message = f"{WAIVERS} waives {issue}, which no rule finds any more"
    return Issue(subject, message, None, None, issue, sources=(why.source,), rule=IDLE)


def explanation(rule: str) -> str:
    """What a rule looks for, in a sentence."""
    if rule == IDLE:
        return "A waiver is about an issue that is there no more."
    return (RULES[rule].__doc__ or "").strip().splitlines()[0]


def matching(wanted: str) -> list[str]:
    """Ids of the rules meant by a family or by a rule's id; empty where there are none of that name."""
    return [rule for rule in (*RULES, IDLE) if wanted in (rule, rule.partition("/")[0])]

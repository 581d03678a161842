"""Acknowledgements: findings of the audit that somebody has looked into, each with the reason why it stands."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from moe_kb.records.base import Citation, Line, Part

#: `family/rule/kind:key`, then the configuration after #, the field after /, what tells it from its like after =.
FINDING_PATTERN = (
    r"^[a-z0-9-]+/[a-z0-9-]+/(?:paper|design|model|system|source|table):[a-z0-9]+(?:[.-][a-z0-9]+)*(?:[#/=][^\r\n]+)?$"
)


class Acknowledgement(Citation):
    """Why a finding of the audit stands as it is; `source` and `locator` say where the reason was seen."""

    finding: Annotated[str, StringConstraints(pattern=FINDING_PATTERN, max_length=300)]
    """The finding's id, as `moe-kb audit --json` prints it."""
    reason: Line
    """Why it is no mistake, or whose mistake it is, in our own words."""


class Acknowledged(Part):
    """The file `data/acknowledged.yaml`. Disagreements between claims are closed by `resolutions` in their record."""

    findings: list[Acknowledgement]
    """One entry a finding, in the order of their ids."""

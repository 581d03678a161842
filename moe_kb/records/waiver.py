"""Waivers: issues of the audit that somebody has looked into, each with the reason why it stands."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from moe_kb.kinds import KINDS
from moe_kb.records.base import Citation, Line, Part

#: `family/rule/kind:key`, then the configuration after #, the field after /, what tells it from its like after =.
ISSUE_PATTERN = rf"^[a-z0-9-]+/[a-z0-9-]+/(?:{'|'.join(KINDS)}):[a-z0-9]+(?:[.-][a-z0-9]+)*(?:[#/=][^\r\n]+)?$"


class Waiver(Citation):
    """Why an issue of the audit stands as it is; `source` and `locator` say where the reason was seen."""

    issue: Annotated[str, StringConstraints(pattern=ISSUE_PATTERN, max_length=300)]
    """The issue's id; `moe-kb audit`, given the eight digits before an issue, prints it in an entry to fill in."""
    reason: Line
    """Why it is no mistake, or whose mistake it is, in our own words."""


class Waivers(Part):
    """The file `data/waivers.yaml`. Disagreements between claims are closed by `resolutions` in their record."""

    waivers: list[Waiver]
    """One entry an issue, in the order of their ids."""

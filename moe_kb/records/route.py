"""Reading routes: a few works in an order in which they explain one another, with a line why each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from moe_kb.records.base import Citation, Key, Line, Part

Work = Annotated[str, StringConstraints(pattern=r"^(?:paper|design|model):[a-z0-9]+(?:[.-][a-z0-9]+)*$")]


class Stop(Citation):
    """A work on a route; `source` and `locator` say where the reason was read."""

    work: Work
    """Full name of a paper, design or model."""
    why: Line
    """Why it stands here: what the reader takes along, in our own words."""


class Route(Part):
    """Works in reading order."""

    key: Key
    """Its name in addresses."""
    title: Line
    """What it is called."""
    about: Line
    """For whom it is, and where it leads."""
    stops: Annotated[list[Stop], Field(min_length=4, max_length=12)]
    """In reading order."""


class Routes(Part):
    """The file `data/routes.yaml`."""

    routes: list[Route]
    """In the order in which they are offered."""

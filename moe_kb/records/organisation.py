"""Organisations: the one name that each goes by here, and the other spellings that sources print."""

from __future__ import annotations

from pydantic import Field

from moe_kb.records.base import Line, Part


class Organisation(Part):
    """Who makes models, systems or devices."""

    name: Line
    """The name that filters, tables and charts show."""
    aliases: list[Line] = Field(default_factory=list)
    """Other names and spellings in the records; claims keep what was printed."""


class Organisations(Part):
    """The file `data/organisations.yaml`."""

    organisations: list[Organisation]
    """One entry an organisation, by name."""

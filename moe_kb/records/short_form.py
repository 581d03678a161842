"""Short forms: ways to write a term that search takes for each other."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from moe_kb.records.base import Line, Part


class ShortForm(Part):
    """A term of the field with the other ways in which people write it."""

    term: Line
    """The term written out."""
    forms: Annotated[list[Line], Field(min_length=1)]
    """Abbreviations and other spellings, of at most four words; case, spaces and hyphens do not matter."""


class ShortForms(Part):
    """The file `data/short-forms.yaml`."""

    short_forms: list[ShortForm]
    """One entry a term, by term."""

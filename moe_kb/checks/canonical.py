"""The rule that a file equals its canonical form, and the command that fixes it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from moe_kb import yamlio
from moe_kb.corpus import Finding, read_model
from moe_kb.files import write_text

_TRAILING = ("a comment shares its line with a value and would be lost.", "Put it on a line of its own above.")


def not_canonical(root: Path, path: str) -> Finding | None:
    """A finding where the file is readable but not in canonical form."""
    record, text, _ = read_model(root, path)
    return None if record is None else other_form(path, record, text)


def other_form(path: str, record: BaseModel, text: str) -> Finding | None:
    """A finding where a record's text is not its canonical form."""
    expected = yamlio.canonical_text(record)
    if text == expected:  # most files have no comments, and the rest costs ten times as much
        return None
    if trailing := yamlio.trailing_comment_line(text):
        return Finding(path, trailing, "canonical", *_TRAILING)
    actual = yamlio.without_comments(text)
    if actual == expected:
        return None
    for number, (left, right) in enumerate(zip(actual.splitlines(), expected.splitlines(), strict=False), start=1):
        if left != right:
            message = f"not in canonical form: expected {right.strip()[:80]!r}."
            return Finding(path, number, "canonical", message, f"Run: moe-kb format {path}")
    return Finding(path, None, "canonical", "not in canonical form.", f"Run: moe-kb format {path}")


def format_file(root: Path, path: str) -> tuple[bool, list[Finding]]:
    """Rewrite a file in canonical form, whole-line comments kept; its folder is not swept (see `moe_kb.files.sweep`).

    Returns:
        Whether the file changed, and the findings that kept it from being formatted (the file is then untouched).
    """
    record, text, findings = read_model(root, path)
    if record is None:
        return False, findings
    if trailing := yamlio.trailing_comment_line(text):
        return False, [Finding(path, trailing, "canonical", *_TRAILING)]
    formatted = yamlio.with_comments(yamlio.canonical_text(record), text)
    if formatted == text:
        return False, []
    write_text(root / path, formatted, swept=True)
    return True, []

"""Strict YAML in, canonical YAML out."""

from moe_kb.yamlio.canonical import canonical_text, dump, trailing_comment_line, with_comments, without_comments
from moe_kb.yamlio.reader import MAX_BYTES, decode, line_finder, parse, read_text

__all__ = [
    "MAX_BYTES",
    "canonical_text",
    "decode",
    "dump",
    "line_finder",
    "parse",
    "read_text",
    "trailing_comment_line",
    "with_comments",
    "without_comments",
]

"""Rules across records. Structure only: a doubtful fact is an audit finding and never fails a check."""

from moe_kb.checks.canonical import format_file, not_canonical, other_form
from moe_kb.checks.rules import Index, check_corpus, check_record, refuse

__all__ = ["Index", "check_corpus", "check_record", "format_file", "not_canonical", "other_form", "refuse"]

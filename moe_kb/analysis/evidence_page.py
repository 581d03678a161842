"""The generated part of docs/evidence.md: what the comparison cannot show, and the claims with what the runs say."""

from __future__ import annotations

from collections.abc import Iterator

from moe_kb.analysis.findings import OUTCOMES, caveats, findings
from moe_kb.analysis.leaderboard import Leaderboard
from moe_kb.errors import MoeKbError
from moe_kb.format import citation

BEGIN = "<!-- Written by `moe-kb leaderboard --page docs/evidence.md` up to the next mark. -->"
END = "<!-- Written by people from here on. -->"


def written(page: str, board: Leaderboard) -> str:
    """A page with what stands between its two marks written anew.

    Raises:
        MoeKbError: The page lacks the marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise MoeKbError(f"the page has no place for the findings. Add these two lines to it:\n{BEGIN}\n{END}")
    return f"{before}{begin}\n\n" + "\n".join(_lines(board)) + f"\n\n{end}{after}"


def _lines(board: Leaderboard) -> Iterator[str]:
    found = findings(board)
    yield "## Before anything else\n"
    yield from (f"- {sentence}" for sentence in caveats(board, found))
    for outcome, title in OUTCOMES.items():
        of_outcome = [finding for finding in found if finding.outcome == outcome]
        if not of_outcome:
            continue
        withdrawn = outcome == "withdrawn"
        yield f"\n## {title}\n\n| claim | design | against | " + (
            "why |" if withdrawn else "difference | corrected p |"
        )
        yield "|---|---|---|---|" + ("" if withdrawn else "---|")
        for finding in of_outcome:
            claim = finding.claim
            cites = f" ({citation(*claim.cites)})" if claim.cites else ""
            p = "" if finding.corrected_p is None else f"{finding.corrected_p:.2g}"
            last = claim.withdrawn if withdrawn else f"{finding.numbers} | {p}"
            yield f"| {claim.words}{cites} | `{claim.design}` | `{claim.against}` | {last} |"

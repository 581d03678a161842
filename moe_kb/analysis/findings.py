"""What the comparison on text says of the papers' claims, and what it cannot: the words, each with the runs behind it.

Nobody writes a verdict here. Whether a claim shows up follows from the results (`findings`), in the app and, through
`moe-kb leaderboard --page`, in docs/evidence.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from moe_kb.analysis.leaderboard import DENSE, Leaderboard, Standing
from moe_kb.analysis.significance import LEVEL, Difference, critical, holm, paired

PROTOCOL = "text-1"
#: The design that most claims are held against.
BASIS = "mixtral-top2-router"
#: Bits per byte, seed by seed, at another peak learning rate; all else as in the protocol.
OTHER_RATE = 0.006
AT_OTHER_RATE = {
    BASIS: {0: 2.87861, 1: 2.85633, 2: 2.89368},
    DENSE: {0: 2.92257, 1: 2.89388, 2: 2.91151},
    "hash-routing": {0: 2.78267, 1: 2.85873, 2: 2.99562},
    "frozen-random-router": {0: 2.85507, 1: 2.90537, 2: 2.9063},
}

Outcome = Literal["agrees", "differs", "tie", "withdrawn"]
#: Outcomes in the order to show them in, and what each is called.
OUTCOMES: dict[Outcome, str] = {
    "agrees": "What agrees",
    "differs": "What does not agree",
    "tie": "Ties: what three seeds do not decide",
    "withdrawn": "Withdrawn until run anew",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that is said of a design, and the design or control to hold it against: lower bits per byte agree."""

    words: str
    design: str
    """Key of an implementation or control."""
    against: str
    cites: tuple[str, str] | None = None
    """Source and the place in it."""
    withdrawn: str | None = None
    """Why the difference is not shown."""


_PLACEBO = "A penalty without meaning does as much."


def _outcome(difference: Difference) -> Outcome:
    if difference.is_tie:
        return "tie"
    return "agrees" if difference.mean < 0 else "differs"


def _numbers(difference: Difference) -> str:
    """A difference with its standard error, e.g. `-0.075 ± 0.007`."""
    spread = "" if difference.error is None else f" ± {difference.error:.3f}"
    return f"{difference.mean:+.3f}{spread}"


def _rerun(design: str, against: str) -> str:
    """What runs at another learning rate say of a claim."""
    difference = paired(AT_OTHER_RATE[design], AT_OTHER_RATE[against])
    assert difference is not None
    outcome = {"agrees": "better", "differs": "worse", "tie": "a tie"}[_outcome(difference)]
    return f"At a learning rate of {OTHER_RATE} the difference is {_numbers(difference)}, {outcome}."


_GATES = ("survey-a", "§4.1.1")

CLAIMS = (
    Claim(
        "An assignment that is never learnt does as well as a learnt one",
        "hash-routing",
        BASIS,
        cites=_GATES,
        withdrawn=_rerun("hash-routing", BASIS),
    ),
    Claim(
        "A router that stays as it was initialised does as well as a learnt one",
        "frozen-random-router",
        BASIS,
        cites=("survey-b", "§II-C"),
        withdrawn=_rerun("frozen-random-router", BASIS),
    ),
    Claim("An MoE layer beats a dense layer of equal active size", BASIS, DENSE, withdrawn=_rerun(BASIS, DENSE)),
    Claim(
        "Orthogonal experts do not learn the same thing twice",
        "orthogonality-loss",
        BASIS,
        cites=("survey-b", "§II-B"),
        withdrawn=_PLACEBO,
    ),
    Claim(
        "Experts that teach one another each get better", "mutual-distillation-loss", BASIS, cites=("survey-b", "§II-B")
    ),
    Claim(
        "Assignments that stop moving waste fewer examples", "stablemoe-two-stage", "switch-top1-router", cites=_GATES
    ),
    Claim("k prototypes of top-1 do better than top-1 alone", "expert-prototyping", "switch-top1-router", cites=_GATES),
    Claim(
        "Where capacity is short, the surest tokens should be served",
        "batch-prioritised-routing",
        "gshard-top2",
        cites=_GATES,
    ),
    Claim(
        "A dense network beside the experts, with a gate between the two, helps",
        "nllb-conditional-routing",
        "gshard-top2",
        cites=("survey-a", "§4.2.4"),
    ),
    Claim(
        "A layer with its feed-forward beats one without, so there is something to gain", DENSE, "control-no-experts"
    ),
    Claim("One expert a token is competitive with two", "switch-top1-router", BASIS, cites=_GATES),
    Claim(
        "A balanced assignment needs no balancing loss, and serves better than no experts",
        "base-assignment",
        "control-no-experts",
        cites=_GATES,
    ),
    Claim("The router's z-loss costs no quality", "st-moe-router", "gshard-top2", cites=_GATES),
    Claim("Standardised logits diversify experts", "skywork-router", BASIS, cites=_GATES),
    Claim(
        "Balance by similarity is steadier and collapses less",
        "similarity-preserving-balance",
        BASIS,
        cites=("survey-b", "§IV-F"),
    ),
    Claim("Noise in the choice, with losses on importance and load, helps", "noisy-top-k", BASIS),
    Claim("All experts train and few serve, at no loss", "dense-training-sparse-inference", BASIS),
    Claim("Random experts that learn to agree do better than learnt top-1", "thor-random", "switch-top1-router"),
    Claim(
        "A selection bias balances as well as a loss, without disturbing training",
        "deepseek-v3-router",
        "deepseekmoe-router",
        cites=("deepseek-v3-paper", "§2.1.2"),
    ),
    Claim("Prototypes do better than top-k of as many", "expert-prototyping", BASIS, cites=_GATES),
    Claim("Fine-grained and shared experts help", "deepseekmoe-router", BASIS, cites=("survey-a", "§4.2.2")),
    Claim("An attention between experts helps the router", "yuan-attention-router", BASIS, cites=_GATES),
    Claim("A better gradient through the choice helps", "sparsemixer-v2-router", BASIS, cites=_GATES),
    Claim("Cosines on a sphere prevent collapse", "x-moe-router", "switch-top1-router", cites=_GATES),
    Claim("Experts that cost nothing save something", "zero-expert-router", "deepseek-v3-router"),
    Claim("A continuous gate helps", "relu-router", BASIS, cites=("remoe-paper", "abstract")),
    Claim("Parts of tokens find better experts", "multi-head-moe", BASIS, cites=("survey-b", "§II-B")),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim held against the results."""

    claim: Claim
    outcome: Outcome
    design: Standing
    against: Standing
    difference: Difference | None
    """Of bits per byte, negative where the claim shows up; None where it is withdrawn."""
    corrected_p: float | None
    """p of a paired t test, corrected (Holm) for all claims that are not withdrawn."""

    @property
    def numbers(self) -> str:
        """The difference with its standard error, e.g. `-0.075 ± 0.007`; empty where it is withdrawn."""
        return _numbers(self.difference) if self.difference else ""


def findings(board: Leaderboard) -> list[Finding]:
    """Every claim of which both sides ran, by outcome; nothing for a protocol that the claims are not about."""
    if board.protocol.protocol != PROTOCOL:
        return []
    rows = {standing.implementation: standing for standing in board.standings if standing.scores}
    held = [claim for claim in CLAIMS if claim.design in rows and claim.against in rows]
    differences = {
        claim: difference
        for claim in held
        if not claim.withdrawn and (difference := paired(rows[claim.design].scores, rows[claim.against].scores))
    }
    corrected = holm({claim: difference.p for claim, difference in differences.items() if difference.p is not None})
    found = [
        Finding(
            claim=claim,
            outcome=_outcome(differences[claim]) if claim in differences else "withdrawn",
            design=rows[claim.design],
            against=rows[claim.against],
            difference=differences.get(claim),
            corrected_p=corrected.get(claim),
        )
        for claim in held
        if claim.withdrawn or claim in differences
    ]
    order = list(OUTCOMES)
    return sorted(found, key=lambda finding: order.index(finding.outcome))


def caveats(board: Leaderboard, found: Sequence[Finding]) -> Iterator[str]:
    """What a comparison cannot show, in sentences, the gravest first."""
    if len(board.rates) == 1:
        yield f"One learning rate for all, {board.rates[0]:g} at its peak, tuned for none of them." + _other_rate(board)
    yield from _correction(board, found)
    if board.protocol.seeds > 1:
        asked = critical(board.protocol.seeds - 1)
        yield (
            f"{board.protocol.seeds} seeds. A difference below two standard errors is called a tie, which is a low "
            f"bar: a t test at 5 % asks for {asked:.1f}. What lies just above two is a hint."
        )


def _other_rate(board: Leaderboard) -> str:
    """What another learning rate does to the design that claims are held against, beside what others gain over it."""
    rows = {row.implementation: row for row in board.standings if row.scores}
    if board.protocol.protocol != PROTOCOL or not {BASIS, DENSE} <= rows.keys():
        return ""
    gained = {key: paired(rows[key].scores, AT_OTHER_RATE[key]) for key in (BASIS, DENSE)}
    over = {
        row.name: -difference.mean
        for row in rows.values()
        if row.group == "ranked" and (difference := paired(row.scores, rows[BASIS].scores))
    }
    basis, dense = gained[BASIS], gained[DENSE]
    if basis is None or dense is None or not over:
        return ""
    most = max(over, key=over.__getitem__)
    more = "more" if basis.mean > over[most] else "less"
    return (
        f" At {OTHER_RATE} {rows[BASIS].name}, with which most claims below are compared, gains {basis.mean:.3f} bits "
        f"per byte by that alone: {more} than any ranked design gains over it (at most {over[most]:.3f}, {most}). "
        f"The dense baseline gains {dense.mean:.3f}."
    )


def _correction(board: Leaderboard, found: Sequence[Finding]) -> Iterator[str]:
    claims = [finding.corrected_p for finding in found if finding.corrected_p is not None]
    for chances, what in ((list(board.corrected.values()), "ranked designs against dense"), (claims, "claims below")):
        if not chances:
            continue
        passing = sum(chance < LEVEL for chance in chances)
        words = f"{passing} of {len(chances)} {what} pass" if passing else f"None of the {len(chances)} {what} passes"
        yield f"{words} a correction for many comparisons: the smallest p (paired t test, Holm) is {min(chances):.2g}."

"""docs/evidence.md: every difference that it names follows from the committed results."""

import re
from functools import cache
from statistics import mean, stdev
from typing import Any

import pytest
from scipy.stats import ttest_rel
from trees import REPOSITORY

from moe_kb.analysis.evidence_page import written
from moe_kb.analysis.findings import AT_OTHER_RATE, BASIS
from moe_kb.errors import MoeKbError
from reference_impls.catalogue import entries
from reference_impls.evidence import files

pytestmark = pytest.mark.integration

PATH = REPOSITORY / "docs" / "evidence.md"
PAGE = PATH.read_text(encoding="utf-8")
ROW = re.compile(r"^\| [^|]+ \| `([\w-]+)` \| `([\w-]+)` \| ([+-][\d.]+) ± ([\d.]+) \| ([\d.]+) \|$", re.M)
SECTIONS = {section.partition("\n")[0]: section for section in PAGE.split("\n## ")}
VERDICTS = {
    "What agrees": "better", "What does not agree": "worse", "Ties: what three seeds do not decide": "tie",
}  # fmt: skip
ROWS = [(*row, verdict) for title, verdict in VERDICTS.items() for row in ROW.findall(SECTIONS[title])]


@cache
def contents(protocol: str) -> dict[str, dict[str, Any]]:
    return {content["implementation"]: content for content in files.read_all(files.FOLDER, protocol)}


def scores(protocol: str, key: str) -> dict[int, float]:
    content = contents(protocol)[key]
    return {run["seed"]: run["values"][content["headline"]] for run in content["runs"] if "values" in run}


def test_all_but_three_designs_beat_dense_baselines():
    unable, compared = set(), contents("clusters-1")
    for key, content in compared.items():
        gains = [run["values"]["accuracy"] - run["values"]["accuracy_dense"] for run in content["runs"]]
        if mean(gains) <= 2 * stdev(gains) / len(gains) ** 0.5:
            unable.add(key)
    assert unable == {"dense-softmax-mixture", "calibrated-fusion", "thor-random"}
    assert f"{len(compared) - len(unable)} of {len(compared)} designs" in PAGE


def test_sizes_on_the_page_are_the_results():
    sizes = [c["params"]["active_non_embedding"] for c in contents("text-1").values() if c["group"] == "matched"]
    assert f"{min(sizes):,} to {max(sizes):,} in the designs" in PAGE


def test_drops_on_the_page_are_the_results():
    text = contents("text-1")

    def dropped(key: str) -> str:
        return f"{100 * mean(run['values']['dropped_fraction'] for run in text[key]['runs']):.0f}"

    assert f"both drop alike ({dropped('st-moe-router')} and {dropped('gshard-top2')} %)" in PAGE
    assert f"`gshard-top2` drops\n{dropped('gshard-top2')} % and `batch-prioritised-routing` " in PAGE
    assert f"`batch-prioritised-routing` {dropped('batch-prioritised-routing')} %" in PAGE
    assert dropped("nllb-conditional-routing") == "0"


def test_gains_on_the_page_are_the_results():
    learnt = {entry.key for entry in entries() if entry.clusters == "finds" and not entry.beyond}
    gain = {
        key: 100 * mean(run["values"]["accuracy"] - run["values"]["accuracy_dense"] for run in content["runs"])
        for key, content in contents("clusters-1").items()
    }
    least, most = (choose(learnt, key=gain.__getitem__) for choose in (min, max))
    assert f"{gain[least]:.0f} (`{least}`) to {gain[most]:.0f} (`{most}`)" in PAGE
    fixed = [
        f"`{key}` {how}{gain[key]:.0f}"
        for key, how in (("frozen-random-router", "gains "), ("hash-routing", "by word "))
    ]
    assert all(words in PAGE for words in fixed)


def test_the_page_names_differences():
    assert len(ROWS) > 20


@pytest.mark.parametrize(("design", "other", "difference", "error", "p", "verdict"), ROWS)
def test_a_difference_follows_from_the_results(design, other, difference, error, p, verdict):
    found, spread, _ = compared(design, other)
    assert f"{found:+.3f} ± {spread:.3f}" == f"{difference} ± {error}"
    assert verdict == ("tie" if abs(found) <= 2 * spread else "worse" if found > 0 else "better")


def compared(design: str, other: str) -> tuple[float, float, float]:
    """Mean difference, its standard error and p of a paired t test, by scipy."""
    ours, theirs = scores("text-1", design), scores("text-1", other)
    common = sorted(ours.keys() & theirs.keys())
    assert len(common) >= 3
    differences = [ours[seed] - theirs[seed] for seed in common]
    p = ttest_rel([ours[seed] for seed in common], [theirs[seed] for seed in common]).pvalue
    return mean(differences), stdev(differences) / len(differences) ** 0.5, float(p)


def corrected(chances: list[float]) -> list[float]:
    """Holm's correction, by its definition."""
    ranks = sorted(chances)
    return [
        min(1.0, max((len(ranks) - place) * ranks[place] for place in range(ranks.index(chance) + 1)))
        for chance in chances
    ]


def test_no_row_passes_the_correction():
    chances = corrected([compared(design, other)[2] for design, other, *_ in ROWS])
    assert [f"{chance:.2g}" for chance in chances] == [row[4] for row in ROWS]
    assert min(chances) > 0.05
    assert f"None of the {len(ROWS)} claims below passes" in PAGE
    assert f"Holm) is {min(chances):.2g}." in PAGE


def test_no_ranked_design_passes_against_dense():
    ranked = [key for key, c in contents("text-1").items() if c["group"] == "matched" and c["causal"] == "yes"]
    chances = corrected([compared(key, "control-dense")[2] for key in ranked])
    assert min(chances) > 0.05
    assert f"None of the {len(ranked)} ranked designs against dense passes" in PAGE
    assert f"Holm) is {min(chances):.2g}." in PAGE


def test_the_written_part_is_current(real_kb):
    assert written(PAGE, real_kb.leaderboard("text-1")) == PAGE, "Run: moe-kb leaderboard --page docs/evidence.md"


def test_withdrawn_claims_show_no_number():
    section = SECTIONS["Withdrawn until run anew"]
    for design in ("hash-routing", "frozen-random-router", "orthogonality-loss"):
        assert f"`{design}` | `mixtral-top2-router`" in section
    assert "`mixtral-top2-router` | `control-dense`" in section
    assert "-0.108" not in section  # the difference that a placebo explains
    withdrawn = {("hash-routing", "mixtral-top2-router"), ("frozen-random-router", "mixtral-top2-router")}
    assert not withdrawn & {row[:2] for row in ROWS}


def test_the_page_begins_with_its_limits():
    first = list(SECTIONS)[1]
    assert first == "Before anything else"
    assert "One learning rate for all, 0.003 at its peak" in SECTIONS[first]
    rates = {content["config"]["learning_rate"] for content in contents("text-1").values()}
    assert rates == {0.003}


def test_gains_at_another_rate_are_the_page():
    gain = {
        key: mean(scores("text-1", key)[seed] - score for seed, score in other.items())
        for key, other in AT_OTHER_RATE.items()
    }
    assert {tuple(other) for other in AT_OTHER_RATE.values()} == {(0, 1, 2)}
    ranked = [key for key, c in contents("text-1").items() if c["group"] == "matched" and c["causal"] == "yes"]
    most = max(-compared(key, BASIS)[0] for key in ranked if key != BASIS)
    assert gain[BASIS] > most
    said = f"gains {gain[BASIS]:.3f} bits per byte by that alone: more than any ranked design gains over it "
    assert f"{said}(at most {most:.3f}" in PAGE
    assert f"The dense baseline gains {gain['control-dense']:.3f}." in PAGE


@pytest.mark.parametrize(
    ("design", "other", "verdict"),
    [("hash-routing", BASIS, "a tie"), ("frozen-random-router", BASIS, "a tie"), (BASIS, "control-dense", "better")],
)
def test_reruns_are_said_in_their_place(design, other, verdict):
    differences = [AT_OTHER_RATE[design][seed] - AT_OTHER_RATE[other][seed] for seed in range(3)]
    found, spread = mean(differences), stdev(differences) / 3**0.5
    (row,) = [line for line in PAGE.splitlines() if f"| `{design}` | `{other}` |" in line]
    assert f"At a learning rate of 0.006 the difference is {found:+.3f} ± {spread:.3f}, {verdict}." in row
    before, before_spread, _ = compared(design, other)
    assert (abs(before) <= 2 * before_spread) != (abs(found) <= 2 * spread)  # the verdict has turned


def test_pages_without_marks_are_refused(real_kb):
    with pytest.raises(MoeKbError, match="the page has no place for the findings"):
        written("# A page\n", real_kb.leaderboard("text-1"))

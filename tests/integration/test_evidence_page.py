"""docs/evidence.md: every difference that it names follows from the committed results."""

import re
from functools import cache
from statistics import mean, stdev
from typing import Any

import pytest
from trees import REPOSITORY

from reference_impls.catalogue import entries
from reference_impls.evidence import files

pytestmark = pytest.mark.integration

ROW = re.compile(r"^\| [^|]+ \| `([\w-]+)` \| `([\w-]+)` \| ([+-][\d.]+) ± ([\d.]+) \| (better|worse|tie) \|$", re.M)
PAGE = (REPOSITORY / "docs" / "evidence.md").read_text(encoding="utf-8")
ROWS = ROW.findall(PAGE)


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


@pytest.mark.parametrize(("design", "other", "difference", "error", "verdict"), ROWS)
def test_a_difference_follows_from_the_results(design, other, difference, error, verdict):
    ours, theirs = scores("text-1", design), scores("text-1", other)
    differences = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
    assert len(differences) >= 3
    found, spread = mean(differences), stdev(differences) / len(differences) ** 0.5
    assert f"{found:+.3f} ± {spread:.3f}" == f"{difference} ± {error}"
    assert verdict == ("tie" if abs(found) <= 2 * spread else "worse" if found > 0 else "better")

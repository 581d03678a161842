"""docs/evidence.md: every difference that it names follows from the committed results."""

import re
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
import yaml

from reference_impls.catalogue import entries

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| [^|]+ \| `([\w-]+)` \| `([\w-]+)` \| ([+-][\d.]+) ± ([\d.]+) \| (better|worse|tie) \|$", re.M)
PAGE = (REPOSITORY / "docs" / "evidence.md").read_text(encoding="utf-8")
ROWS = ROW.findall(PAGE)


def scores(protocol: str, key: str) -> dict[int, float]:
    path = REPOSITORY / "reference_impls" / "results" / protocol / f"{key}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {run["seed"]: run["values"][content["headline"]] for run in content["runs"] if "values" in run}


def test_all_but_three_designs_beat_their_twin_on_the_clusters():
    unable = set()
    paths = sorted((REPOSITORY / "reference_impls" / "results" / "clusters-1").glob("*.yaml"))
    for path in paths:
        runs = yaml.safe_load(path.read_text(encoding="utf-8"))["runs"]
        gains = [run["values"]["accuracy"] - run["values"]["accuracy_dense"] for run in runs]
        if mean(gains) <= 2 * stdev(gains) / len(gains) ** 0.5:
            unable.add(path.stem)
    assert unable == {"jacobs-dense", "mocae", "thor"}
    assert f"{len(paths) - len(unable)} of {len(paths)} designs" in PAGE


def contents(protocol: str) -> dict[str, dict[str, Any]]:
    paths = (REPOSITORY / "reference_impls" / "results" / protocol).glob("*.yaml")
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}


def test_the_sizes_on_the_page_are_those_of_the_results():
    sizes = [c["params"]["active_non_embedding"] for c in contents("text-1").values() if c["group"] == "matched"]
    assert f"{min(sizes):,} to {max(sizes):,} in the designs" in PAGE


def test_the_drops_on_the_page_are_those_of_the_results():
    text = contents("text-1")

    def dropped(key: str) -> str:
        return f"{100 * mean(run['values']['dropped_fraction'] for run in text[key]['runs']):.0f}"

    assert f"both drop alike ({dropped('st-moe')} and {dropped('gshard-top2')} %)" in PAGE
    told = f"`gshard-top2` drops\n{dropped('gshard-top2')} % and `vmoe-bpr` {dropped('vmoe-bpr')} %"
    assert told in PAGE
    assert dropped("nllb-cmr") == "0"


def test_the_gains_of_routers_on_the_clusters_are_those_of_the_results():
    learnt = {entry.key for entry in entries() if entry.clusters == "finds" and not entry.beyond}
    gain = {
        key: 100 * mean(run["values"]["accuracy"] - run["values"]["accuracy_dense"] for run in content["runs"])
        for key, content in contents("clusters-1").items()
    }
    least, most = (choose(learnt, key=gain.__getitem__) for choose in (min, max))
    assert f"{gain[least]:.0f} (`{least}`) to {gain[most]:.0f} (`{most}`)" in PAGE
    fixed = [f"`{key}` {how}{gain[key]:.0f}" for key, how in (("random-frozen", "gains "), ("hash", "by word "))]
    assert all(words in PAGE for words in fixed)


def test_the_page_names_differences():
    assert len(ROWS) > 20


@pytest.mark.parametrize(("design", "other", "told", "error", "verdict"), ROWS)
def test_a_difference_follows_from_the_results(design, other, told, error, verdict):
    ours, theirs = scores("text-1", design), scores("text-1", other)
    differences = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
    assert len(differences) >= 3
    found, spread = mean(differences), stdev(differences) / len(differences) ** 0.5
    assert f"{found:+.3f} ± {spread:.3f}" == f"{told} ± {error}"
    assert verdict == ("tie" if abs(found) <= 2 * spread else "worse" if found > 0 else "better")

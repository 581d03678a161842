"""docs/evidence.md: every difference that it names follows from the committed results."""

import re
from pathlib import Path
from statistics import mean, stdev

import pytest
import yaml

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

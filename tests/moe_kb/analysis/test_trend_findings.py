"""Sentences on released models, against the numbers they are made of."""

import re
from statistics import median

import pytest
from configurations import observed

from moe_kb.analysis.trend_findings import Share, findings
from moe_kb.analysis.trends import BIAS, BOTH, LOSS


def models(year: int, number: int, **values):
    return [observed(f"m{year}-{place}", released=str(year), **values) for place in range(number)]


def test_shares_compare_recent_years_with_those_before():
    found = findings([
        *models(2023, 4, balancing=LOSS), *models(2025, 2, balancing=BIAS), *models(2026, 1, balancing=BOTH),
        observed("other", released="2026", balancing=LOSS), observed("undated", released=None, balancing=BIAS),
    ])  # fmt: skip
    (balance,) = found
    assert (balance.measure, balance.since, balance.now, balance.before) == (
        "balancing",
        2025,
        Share(3, 4),
        Share(0, 4),
    )
    assert balance.words.startswith("3 of 4 models released since 2025")
    assert balance.words.endswith("before 2025, 0 of 4.")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [(2.0, 8.0, "rose from 2 in 2024 to 8 in 2026"), (8.0, 2.0, "fell from 8"), (4.0, 4.0, "is 4 in 2026 as in 2024")],
)
def test_medians_say_which_way_they_went(old, new, words):
    found = findings([*models(2024, 3, experts_per_token=old), *models(2026, 5, experts_per_token=new)])
    assert words in found[0].words
    assert found[0].words.endswith("(3 and 5 models).")


def test_few_models_make_no_sentence():
    assert findings([]) == []
    assert findings(models(2026, 2, balancing=BIAS, experts_per_token=8)) == []
    alone = findings(models(2026, 3, balancing=BIAS, experts_per_token=8))
    assert [finding.words for finding in alone if finding.before] == [], "nothing older, so no comparison"


@pytest.mark.integration
def test_sentences_say_what_the_records_hold(real_kb):
    """Each number is counted anew out of the configurations, one by one."""
    largest = [o for o in real_kb.observations(largest_only=True) if o.released]
    holds = {
        "balancing": lambda o: o.words["balancing"] in ("selection bias", "bias and loss"),
        "n_shared_experts": lambda o: o.numbers["n_shared_experts"] > 0,
        "score": lambda o: o.words["score"] == "sigmoid",
        "moe_share": lambda o: o.numbers["moe_share"] == 100,
    }
    found = real_kb.trend_findings()
    assert len(found) >= 8
    for finding in found:
        having = [o for o in largest if o.value(finding.measure) is not None]
        said = re.findall(r"\d+ of \d+", finding.words)
        if said:
            recent = [o for o in having if int(o.released[:4]) >= finding.since]
            older = [o for o in having if int(o.released[:4]) < finding.since]
            counted = [f"{sum(map(holds[finding.measure], part))} of {len(part)}" for part in (recent, older)]
            assert said == counted, finding.words
        else:
            for year in (finding.before, finding.now):
                values = [o.numbers[finding.measure] for o in having if o.released.startswith(str(year.year))]
                assert (median(values), len(values)) == (year.median, year.count), finding.words
            rose = finding.now.median > finding.before.median
            assert (
                "rose" if rose else "fell" if finding.now.median < finding.before.median else "as in"
            ) in finding.words

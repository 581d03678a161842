"""Student's t and Holm's correction, against scipy and by the definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from moe_kb.analysis.significance import Difference, critical, holm, two_sided


@given(st.floats(-300, 300), st.integers(1, 80))
def test_p_is_that_of_scipy(t, degrees):
    assert two_sided(t, degrees) == pytest.approx(2 * stats.t.sf(abs(t), degrees), abs=1e-12)


@pytest.mark.parametrize("degrees", [1, 2, 3, 9, 40])
def test_critical_values_are_those_of_scipy(degrees):
    assert critical(degrees) == pytest.approx(stats.t.ppf(0.975, degrees))


@given(st.dictionaries(st.integers(), st.floats(0, 1), max_size=12))
def test_corrected_p_keeps_order_and_bounds(chances):
    corrected = holm(chances)
    assert corrected.keys() == chances.keys()
    for name, chance in chances.items():
        assert chance <= corrected[name] <= min(1, len(chances) * chance) or corrected[name] >= chance
        smaller = [other for other in chances if chances[other] < chance]
        assert all(corrected[other] <= corrected[name] for other in smaller)
    if chances:
        least = min(chances, key=chances.__getitem__)
        assert corrected[least] == min(1, len(chances) * chances[least])


def test_no_spread_is_certain_and_one_seed_silent():
    assert (Difference(0.0, 0.0, 3).p, Difference(0.1, 0.0, 3).p, Difference(0.1, None, 1).p) == (1.0, 0.0, None)

"""Marks set apart."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moe_kb.analysis.jitter import apart

PLACES = st.lists(st.tuples(st.integers(0, 6).map(float), st.integers(0, 3).map(float)), max_size=12)


def test_lone_marks_stay_where_they_belong():
    points = [(0.0, 0.0), (5.0, 0.0), (0.0, 9.0)]
    assert apart(points, (1.0, 1.0)) == points


def test_equal_marks_stand_above_and_below_one_another():
    assert apart([(0.0, 0.0)] * 3, (1.0, 0.5)) == [(0.0, 0.0), (0.0, 0.5), (0.0, -0.5)]


def test_around_its_place_a_crowd_stays_close():
    moved = apart([(0.0, 0.0)] * 9, (1.0, 1.0), around=True)
    assert len(set(moved)) == 9
    assert all(abs(x) <= 1 and abs(y) <= 1 for x, y in moved)


def test_a_mark_that_finds_no_place_stays():
    assert apart([(0.0, 0.0)] * 5, (1.0, 1.0), most=1)[3:] == [(0.0, 0.0)] * 2


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PLACES)
def test_no_mark_hides_another_while_there_is_room(points):
    moved = apart(points, (0.1, 0.1), around=True)
    assert len(set(moved)) == len(points)
    for (x, y), (a, b) in zip(points, moved, strict=True):
        assert abs(x - a) <= 0.45
        assert abs(y - b) <= 0.45

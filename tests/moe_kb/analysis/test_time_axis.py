"""Where a release date stands on an axis, and how it is worded."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moe_kb.analysis.time_axis import in_words, known_to_the_month, positions
from moe_kb.records.dates import span


@pytest.mark.parametrize(("date", "words", "exact"), [
    ("2024-06-26", "26 June 2024", True), ("2024-03", "March 2024", True),
    ("2021", "2021, only the year is known", False), ("2024-Q1", "January to March 2024, no month is known", False),
    ("2024-01/2024-03", "January to March 2024, no month is known", False),
    ("2023-11/2024-02", "November 2023 to February 2024, no month is known", False),
])  # fmt: skip
def test_a_date_says_what_is_known_of_it(date, words, exact):
    assert in_words(date) == words
    assert known_to_the_month(date) is exact


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(["2020", "2021-05", "2021", "2024-Q3", "2024-08/2024-12", "2025-01-07"]), max_size=30))
def test_marks_stand_inside_their_dates_and_apart(dates):
    places = positions(dates)
    for date, place in zip(dates, places, strict=True):
        first, last = span(date)
        assert first <= place.date().isoformat() <= last
    assert len({(date, place) for date, place in zip(dates, places, strict=True)}) == len(dates)

"""What is new, by date."""

from datetime import date

import pytest
from trees import edit, small_tree

from moe_kb.kb import open_kb
from moe_kb.queries.news import News, age, by_period


@pytest.fixture
def dated(tmp_path):
    """The fabricated tree with a day for a paper, and a design that only a model uses."""
    root = small_tree(tmp_path / "tree")
    edit(root, "data/papers/2020/beta.yaml", "year: 2020\n", "year: 2020\ndate: '2020-05-04'\n")
    edit(root, "data/papers/2020/beta.yaml", "fields: [", "fields: [date, ")
    return open_kb(root, database=tmp_path / "kb.db")


def item(name: str, when: str) -> News:
    return News(f"model:{name}", "model", name, when, None, None, None)


def test_everything_with_a_date_stands_once(dated):
    found = dated.news()
    assert len({news.record for news in found}) == len(found)
    by_record = {news.record: news for news in found}
    assert by_record["paper:beta"].period == "May 2020"
    assert by_record["paper:alpha"].period == "March 2021"
    assert by_record["model:alpha"].period == "March 2021"


def test_a_design_is_dated_by_its_work(dated):
    router = next(news for news in dated.news() if news.record == "design:alpha-router")
    assert (router.dated_by, router.period) == ("Alpha", "March 2021")


def test_the_newest_come_first(dated):
    periods = list(by_period(dated.news()))
    assert periods == ["March 2021", "May 2020"]


def test_a_whole_year_follows_its_months(kb):
    found = [item("year", "2025"), item("march", "2025-03"), item("old", "2024-12-30"), item("may", "2025-05-01")]
    assert [news.name for news in sorted(found, key=age)] == ["may", "march", "year", "old"]


@pytest.mark.parametrize(
    ("when", "period", "month"),
    [
        ("2025-03-02", "March 2025", "2025-03"), ("2025-03", "March 2025", "2025-03"),
        ("2025", "2025, month not known", None), ("2025-Q2", "2025, month not known", None),
        ("2025-08/2025-12", "2025, month not known", None), ("2025-08-01/2025-08-09", "August 2025", "2025-08"),
        ("2024-12/2025-01", "2024, month not known", None),
    ],
)  # fmt: skip
def test_periods_say_no_more_than_the_date(when, period, month):
    assert (item("m", when).period, item("m", when).month) == (period, month)


@pytest.mark.integration
def test_real_news_are_in_order(real_kb):
    found = real_kb.news()
    assert [news.year for news in found] == sorted((news.year for news in found), reverse=True)
    assert {news.kind for news in found} >= {"model", "design", "paper"}
    assert found[0].year <= date.today().year + 1
    months = [news.month for news in found if news.month and news.year == found[0].year]
    assert months == sorted(months, reverse=True)

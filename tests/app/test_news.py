"""The page of what is new."""

import pytest
from trees import edit


def test_news_stand_by_month_with_links(open_page, texts):
    at = open_page("news")
    assert [header.value for header in at.header] == ["March 2021"]
    assert "- [Alpha](model?key=alpha) · Example Lab" in texts(at)


def test_a_year_and_a_kind_can_be_chosen(open_page, texts):
    at = open_page("news", year="2020")
    assert [header.value for header in at.header] == ["2020, month not known"]
    at.selectbox(key="in-year").set_value("all years").run()
    at.pills(key="in-kind").set_value(["model"]).run()
    assert [header.value for header in at.header] == ["March 2021"]
    assert at.query_params["kind"] in ("model", ["model"])


def test_names_of_records_are_text(open_page, texts, tree):
    edit(tree, "data/models/alpha.yaml", "name: Alpha", "name: 'Alpha *b* <script>'")
    assert "- [Alpha \\*b\\* \\<script\\>](model?key=alpha)" in texts(open_page("news"))


@pytest.mark.integration
def test_real_news_begin_this_year(open_real_page):
    assert len(open_real_page("news").header) >= 3

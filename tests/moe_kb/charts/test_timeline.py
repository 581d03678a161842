"""The timelines and the growth of the literature."""

import pytest
from trees import small_tree

from moe_kb.charts.timeline import figure, growth
from moe_kb.kb import open_kb
from moe_kb.queries.timeline import TimelineModel
from moe_kb.queries.timeline import period as timeline_period

TIMELINE = """\
key: timeline-2025
name: Timeline
title: Invented timeline
source: first-survey
locator: Figure 2
about: model
columns:
- {name: released, type: date, field: released, description: Column of the arrow}
- {name: openness, type: text, field: openness, description: Side of the arrow}
- {name: domain, type: text, field: domain, description: Colour}
- {name: organisation, type: text, field: organisation, description: Logo}
rows:
- row: '1'
  label: Alpha <b>
  cells: {released: '2021', openness: open, domain: NLP, organisation: Example Lab}
- row: '2'
  label: Closed one
  cells:
    released: {printed: 2021 Jan. – Mar., value: 2021-01/2021-03}
    openness: closed
    domain: Poetry
"""
ALIGNMENT = """\
rows:
- {table: first-table, row: '1', subject: 'model:alpha', configuration: 1B}
- {table: first-table, row: '2', reason: no record of this model}
- {table: second-table, row: '1', subject: 'model:alpha', configuration: 1B}
- {table: timeline-2025, row: '1', subject: 'model:alpha'}
- {table: timeline-2025, row: '2', reason: no record of this model}
configs:
- {source: alpha-config, subject: 'model:alpha', configuration: 1B}
"""


@pytest.fixture
def dated(tmp_path):
    root = small_tree(tmp_path / "tree", {"data/tables/timeline-2025.yaml": TIMELINE, "data/alignment.yaml": ALIGNMENT})
    return open_kb(root, database=tmp_path / "kb.db")


def test_rows_carry_what_the_source_draws(dated):
    alpha, closed = dated.timeline("timeline-2025")
    assert alpha == TimelineModel("Alpha <b>", "2021", "open", "NLP", "Example Lab", "model:alpha", "Alpha", "2021-03")
    drawn = ("2021 Jan. – Mar.", "closed", "Poetry", "not reported")
    assert closed == TimelineModel("Closed one", *drawn, None, "Closed one", None)


def test_the_records_have_a_timeline_to_today(dated):
    (alpha,) = dated.released()
    assert (alpha.label, alpha.period, alpha.organisation) == ("Alpha", "2021 Jan. – June", "Example Lab")


@pytest.mark.parametrize(
    ("when", "period"),
    [
        ("2026-03-16", "2026 Jan. – June"), ("2025-Q3", "2025 July – Dec."), ("2025", "2025 no month"),
        ("2025-05/2025-08", "2025 no month"), ("2024-08/2024-12", "2024 July – Dec."), ("2023-12", "2023"),
        ("2018", "2017–2018"), ("2017-01", "2017–2018"),
    ],
)  # fmt: skip
def test_periods_are_as_long_as_dates_are_vague(when, period):
    assert timeline_period(when, 2026, [2017, 2018]) == period


def test_labels_fit_their_columns():
    models = [
        TimelineModel(f"A label of many letters {n}", str(2000 + n), "open", "NLP", "Lab", None, "M", None)
        for n in range(14)
    ]
    (names, *_) = [trace for trace in figure(models).data if trace.text]
    assert all(len(name) <= 11 and name.endswith("…") for name in names.text)
    assert "A label of many letters 3" in names.hovertext[3]
    assert figure(models[:3]).data[0].text[0] == "A label of many letters 0"


@pytest.mark.integration
def test_no_two_models_share_a_place(real_kb):
    for table in real_kb.timelines():
        models = real_kb.timeline(table)
        traces = [trace for trace in figure(models).data if trace.mode == "markers+text"]
        points = [point for trace in traces for point in zip(trace.x, trace.y, strict=True)]
        assert len(points) == len(set(points)) == len(models)


def test_open_stands_above_closed(dated):
    chart = figure(dated.timeline("timeline-2025"))
    points = {trace.name: trace for trace in chart.data if trace.mode == "markers+text"}
    assert points["NLP"].y[0] > 0 > points["Poetry"].y[0]
    assert points["NLP"].text[0] == "Alpha &lt;b&gt;"
    assert "release date: 2021-03" in points["NLP"].hovertext[0]
    assert points["NLP"].customdata[0] == "model:alpha"
    assert points["NLP"].marker.symbol[0] != points["Poetry"].marker.symbol[0]


def test_filtering_keeps_every_column_of_time(dated):
    models = dated.timeline("timeline-2025")
    whole, part = (figure(models, organisations) for organisations in ((), ("Example Lab",)))
    assert whole.layout.xaxis.ticktext == part.layout.xaxis.ticktext == ("2021", "2021<br>Jan. – Mar.")
    assert [trace.name for trace in part.data if trace.mode == "markers+text"] == ["NLP"]


def test_growth_counts_every_paper(kb):
    assert sum(sum(trace.y) for trace in growth(kb.papers_by_year()).data) == 2

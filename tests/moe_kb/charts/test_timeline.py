"""The timelines and the growth of the literature."""

from __future__ import annotations

import pytest
from trees import small_tree

from moe_kb.figures import timeline
from moe_kb.kb import open_kb

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
    rows = timeline.models(dated, "timeline-2025")
    assert rows[0] == {
        "label": "Alpha <b>",
        "period": "2021",
        "openness": "open",
        "domain": "NLP",
        "organisation": "Example Lab",
        "record": "model:alpha",
        "name": "Alpha",
        "released": "2021-03",
    }
    assert (rows[1]["period"], rows[1]["organisation"], rows[1]["record"]) == ("2021 Jan. – Mar.", "not named", None)


def test_filter_by_affiliation(dated):
    assert [row["label"] for row in timeline.models(dated, "timeline-2025", ("not named",))] == ["Closed one"]


@pytest.mark.integration
def test_no_two_models_stand_on_each_other(real_kb):
    for table in timeline.available(real_kb):
        points = [
            (x, y)
            for trace in timeline.figure(real_kb, table).data
            if trace.mode == "markers+text"
            for x, y in zip(trace.x, trace.y, strict=True)
        ]
        assert len(points) == len(set(points)) == len(timeline.models(real_kb, table))


def test_open_above_closed_below_and_text_escaped(dated):
    figure = timeline.figure(dated, "timeline-2025")
    points = {trace.name: trace for trace in figure.data if trace.mode == "markers+text"}
    assert points["NLP"].y[0] > 0 > points["Poetry"].y[0]
    assert points["NLP"].text[0] == "Alpha &lt;b&gt;"
    assert points["NLP"].customdata[0] == "model:alpha"
    assert points["NLP"].marker.symbol[0] != points["Poetry"].marker.symbol[0]


def test_filtering_keeps_every_column_of_time(dated):
    whole, part = (timeline.figure(dated, "timeline-2025", who) for who in ((), ("Example Lab",)))
    assert whole.layout.xaxis.ticktext == part.layout.xaxis.ticktext == ("2021", "2021<br>Jan. – Mar.")


def test_growth_counts_every_paper(kb):
    assert sum(sum(trace.y) for trace in timeline.growth(kb).data) == 2

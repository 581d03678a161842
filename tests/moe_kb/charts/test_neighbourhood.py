"""The graph one step around a record."""

from moe_kb.charts.neighbourhood import STYLES, neighbourhood
from moe_kb.queries.graph import EDGE_TYPES


def test_neighbours_say_which_way_the_edge_points(kb):
    found = {(neighbour.record, neighbour.type): neighbour for neighbour in kb.neighbours("paper:alpha")}
    assert found["paper:beta", "extends"].forward is True
    assert found["model:alpha", "described-by"].forward is False
    assert found["node:first:algorithm/gating/sparse", "placed-in"].name == "Sparse"
    assert found["design:alpha-router", "introduces"].source == "first-survey"


def test_two_directions_stand_on_two_sides(kb):
    figure = neighbourhood("paper:alpha", "Alpha <b>", kb.neighbours("paper:alpha"))
    points = [trace for trace in figure.data if trace.mode == "markers+text"]
    assert len(points) == 2
    sides = {record: x for trace in points for record, x in zip(trace.customdata, trace.x, strict=True)}
    assert sides["paper:beta"] > 0 > sides["model:alpha"]
    shown = {trace.name for trace in figure.data if trace.mode == "lines"}
    assert [note.text for note in figure.layout.annotations] == ["<b>Alpha &lt;b&gt;</b>"]
    assert {"extends", "introduces", "placed-in", "described-by"} <= shown


def test_every_type_of_edge_has_its_own_line():
    assert (len(set(STYLES.values())), tuple(STYLES)) == (len(STYLES), EDGE_TYPES)


def test_a_record_without_edges_has_an_empty_picture(kb):
    assert kb.neighbours("source:second-list") == []
    assert all(not trace.customdata for trace in neighbourhood("source:second-list", "A list", []).data)

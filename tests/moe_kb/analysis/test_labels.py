"""Places of names beside points."""

from moe_kb.analysis.labels import places


def test_names_of_close_points_take_different_places():
    first, second, _ = places([10.0, 10.1, 1000.0], [5.0, 5.01, 9.0], ["a long name", "another", "far"], log_x=True)
    assert first != second


def test_points_without_neighbours_are_named_above():
    assert places([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], ["a", "b", "c"]) == ["top center"] * 3


def test_one_point_and_none():
    assert places([1e9], [50.0], ["alone"], log_x=True, log_y=True) == ["top center"]
    assert places([], [], []) == []


def test_a_name_keeps_off_a_line():
    across = [(0.0, 5.4), (10.0, 5.4)]
    assert places([0.0, 5.0, 10.0], [0.0, 5.0, 10.0], ["low", "middle", "high"]) == ["top center"] * 3
    assert places([0.0, 5.0, 10.0], [0.0, 5.0, 10.0], ["low", "middle", "high"], across)[1] == "bottom center"

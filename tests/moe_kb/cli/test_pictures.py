"""The command that draws."""

from xml.etree import ElementTree


def test_picture_goes_to_a_file(moe, tmp_path):
    result = moe("picture", "alpha-router", "--out", tmp_path / "alpha.svg", "--size", "card", "--theme", "light")
    assert (result.status, result.out) == (0, "")
    assert "Alpha router. " in result.err
    assert ElementTree.fromstring((tmp_path / "alpha.svg").read_text()).get("width") == "320"


def test_picture_goes_to_standard_output(moe):
    for name in ("design:beta-router", "lineage"):
        result = moe("picture", name)
        assert result.status == 0
        assert ElementTree.fromstring(result.out).tag.endswith("svg")


def test_only_gates_have_pictures(moe):
    result = moe("picture", "model:alpha")
    assert result.status == 2
    assert "no gating design" in result.err
    assert moe("picture", "nosuch").status == 2


def test_a_file_that_cannot_be_written_is_named(moe, tmp_path):
    (tmp_path / "file").write_text("")
    result = moe("picture", "alpha-router", "--out", tmp_path / "file" / "alpha.svg")
    assert result.status == 2
    assert str(tmp_path / "file") in result.err

"""The command that draws."""

from xml.etree import ElementTree


def test_picture_goes_to_a_file(moe, tmp_path):
    result = moe("picture", "alpha-router", "--out", tmp_path / "alpha.svg", "--size", "card", "--theme", "light")
    assert (result.status, result.out) == (0, "")
    assert "Alpha router. " in result.err
    assert ElementTree.fromstring((tmp_path / "alpha.svg").read_text()).get("width") == "320"


def test_picture_goes_to_standard_output(moe):
    for names in (["design:beta-router"], ["lineage"], ["model:alpha#1B"], ["alpha", "--poster", "--theme", "dark"]):
        result = moe("picture", *names)
        assert result.status == 0
        assert ElementTree.fromstring(result.out).tag.endswith("svg")


def test_several_names_make_a_poster(moe, tmp_path):
    for names in (["alpha-router", "beta-router"], ["model:alpha", "alpha"]):
        result = moe("picture", *names, "--out", tmp_path / "two.svg")
        assert result.status == 0
        root = ElementTree.fromstring((tmp_path / "two.svg").read_text())
        assert ", " in root.find("{*}title").text


def test_what_has_no_picture_is_refused(moe):
    for names, message in (
        (["paper:beta"], "has no picture"),
        (["nosuch"], "there is no design"),
        (["alpha-router", "model:alpha"], "of one kind"),
        (["model:alpha#9B"], "no configuration 9B"),
    ):
        result = moe("picture", *names)
        assert result.status == 2
        assert message in result.err
    assert moe("picture").status == 2


def test_a_file_that_cannot_be_written_is_named(moe, tmp_path):
    (tmp_path / "file").write_text("")
    result = moe("picture", "alpha-router", "--out", tmp_path / "file" / "alpha.svg")
    assert result.status == 2
    assert str(tmp_path / "file") in result.err

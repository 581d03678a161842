"""Comments survive formatting: every whole-line comment is kept, and none changes what the file says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import FILES, edit

from moe_kb import yamlio
from moe_kb.checks import format_file, not_canonical
from moe_kb.corpus import model_type_of

PATHS = sorted(FILES)


def canonical(path: str) -> str:
    kind = model_type_of(path)
    assert kind is not None
    return yamlio.canonical_text(kind.model_validate(yamlio.parse(FILES[path])))


CANONICAL = {path: canonical(path) for path in PATHS}
COMMENT = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"), blacklist_characters="\ufeff\ufffe\uffff")
)


@st.composite
def commented(draw):
    """A file's text (canonical, or as it was written) with comment lines put between its lines."""
    path = draw(st.sampled_from(PATHS))
    lines = draw(st.sampled_from([FILES, CANONICAL]))[path].splitlines()
    comments = []
    for number, text in enumerate(draw(st.lists(COMMENT, max_size=6))):
        comment = f"# {number} {text}"
        place = draw(st.integers(0, len(lines)))
        lines.insert(place, " " * draw(st.integers(0, 9)) + comment)
        comments.append(comment)
    return path, "\n".join(lines) + "\n", comments


@given(commented())
def test_whole_line_comments_are_kept(case):
    path, text, comments = case
    data = yamlio.parse(FILES[path])
    if yamlio.parse(text) != data:  # the line fell into a quoted text, where it is no comment
        return
    formatted = yamlio.with_comments(CANONICAL[path], text)
    assert yamlio.parse(formatted) == yamlio.parse(CANONICAL[path])
    kept = [line.strip() for line in formatted.splitlines()]
    for comment in comments:
        assert kept.count(comment.strip()) == 1
    assert yamlio.without_comments(formatted) == CANONICAL[path]
    assert yamlio.with_comments(CANONICAL[path], formatted) == formatted


@pytest.mark.parametrize(
    ("canonical", "original", "formatted"),
    [
        (
            "a: 1\nb: 2\n",
            "# about b\nb: 2\n# about a\na: 1\n# at the end\n",
            "# about a\na: 1\n# about b\nb: 2\n# at the end\n",
        ),
        ("a: [x, y]\nb: 1\n", "a:\n- x\n# about y\n- y\nb: 1\n", "# about y\na: [x, y]\nb: 1\n"),
    ],
)
def test_comments_move_with_the_value_below(canonical, original, formatted):
    assert yamlio.with_comments(canonical, original) == formatted


@pytest.mark.parametrize(("text", "line"), [
    ("a: 1 # note\n", 1), ("a: # note\n  b: 1\n", 1), ("a:\n- 1\n- 2   # note\n", 3), ("a: [1, # note\n  2]\n", 1),
    ("a: |  # note\n  text\n", 1), ("a: 1\nb: >-  # note\n  text\n", 2), ("--- # note\na: 1\n", 1),
    ("a: 1\n# whole line\n", None), ("a: 'x # no comment'\n", None), ("a: x#y\n", None),
    ("a: |\n  # text\n  more\nb: 1\n", None), ("a: 'x\n\n  # text'\n", None),
])  # fmt: skip
def test_comments_beside_a_value_are_found(text, line):
    assert yamlio.trailing_comment_line(text) == line


def test_number_signs_in_block_texts_are_text():
    text = "a: |\n  # heading\n  text\n# comment\nb: 1\n"
    assert yamlio.without_comments(text) == "a: |\n  # heading\n  text\nb: 1\n"


def test_format_writes_the_canonical_form_once(tree):
    path = "data/papers/2021/alpha.yaml"
    file = tree / path
    file.write_text("# first\n" + file.read_text().replace("name: Alpha\n", "name: 'Alpha'\n"))
    file.chmod(0o640)
    assert not_canonical(tree, path) is not None
    assert format_file(tree, path) == (True, [])
    assert file.read_text() == "# first\n" + CANONICAL[path]
    assert file.stat().st_mode & 0o777 == 0o640
    assert format_file(tree, path) == (False, [])
    assert not_canonical(tree, path) is None
    assert [entry.name for entry in file.parent.iterdir()] == ["alpha.yaml"]


def test_format_loses_no_comment_beside_a_value(tree):
    path = "data/systems/gamma.yaml"
    file = tree / path
    text = file.read_text().replace("name: Gamma\n", "name: Gamma  # why\n")
    file.write_text(text)
    changed, (finding,) = format_file(tree, path)
    assert not changed
    assert (finding.path, finding.line, finding.rule) == (path, 2, "canonical")
    assert "would be lost" in finding.message
    assert "line of its own" in finding.fix
    assert file.read_text() == text
    beside = not_canonical(tree, path)
    assert beside is not None
    assert beside.line == 2


def test_format_leaves_what_cannot_be_read(tree):
    path = "data/systems/gamma.yaml"
    (tree / path).write_text("key: [\n")
    changed, (finding,) = format_file(tree, path)
    assert (changed, finding.rule, finding.line) == (False, "yaml-syntax", 2)
    assert (tree / path).read_text() == "key: [\n"


def test_the_first_line_not_canonical_is_named(tree):
    path = "data/systems/gamma.yaml"
    edit(tree, path, "organisation: Example Lab", "organisation: 'Example Lab'")
    finding = not_canonical(tree, path)
    assert finding is not None
    assert (finding.line, finding.rule) == (3, "canonical")
    assert "organisation: Example Lab" in finding.message
    assert finding.fix == f"Run: moe-kb format {path}"

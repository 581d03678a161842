"""What the reader refuses, and what it makes of plain scalars."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import PLAIN

from moe_kb import yamlio
from moe_kb.errors import YamlError


def refused(text: str) -> YamlError:
    with pytest.raises(YamlError) as caught:
        yamlio.parse(text)
    return caught.value


@pytest.mark.parametrize(("text", "rule", "line"), [
    ("a: 1\nb: 2\na: 3\n", "yaml-duplicate-key", 3), ("a: {b: 1, b: 2}\n", "yaml-duplicate-key", 1),
    ("a:\n  b: 1\n  'b': 2\n", "yaml-duplicate-key", 3), ("a: !!python/object/apply:os.system [ls]\n", "yaml-plain", 1),
    ("a: 1\nb: !!binary aGk=\n", "yaml-plain", 2), ("a: !own {b: 1}\n", "yaml-plain", 1),
    ("!!str a: 1\n", "yaml-plain", 1), ("a: &x [1]\nb: *x\n", "yaml-plain", 1), ("a: 1\nb: *x\n", "yaml-plain", 2),
    ("a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 30)), "yaml-plain", 1),
    ("a: &x 1\n<<: {b: 2}\n", "yaml-plain", 1), ("a: 1\n---\nb: 2\n", "yaml-documents", 2), ("", "yaml-empty", None),
    ("# only a comment\n", "yaml-empty", None), ("1: a\n", "yaml-key", 1), ("a: 1\ntrue: b\n", "yaml-key", 2),
    ("? [a]\n: b\n", "yaml-key", 1), ("a: " + "9" * 41 + "\n", "yaml-number", 1),
    ("a: 1\nb: 1e999\n", "yaml-number", 2), ('a: "bell \\a"\n', "file-characters", 1),
    ('a: 1\nb: "\\x1b[31m"\n', "file-characters", 2), ("a: [1\n", "yaml-syntax", 2), ("a: 'open\n", "yaml-syntax", 2),
    ("a:\n\t- b\n", "yaml-syntax", 2), ("a: b: c\n", "yaml-syntax", 1), ("@a\n", "yaml-syntax", 1),
])  # fmt: skip
def test_other_yaml_is_refused_with_its_line(text, rule, line):
    error = refused(text)
    assert (error.rule, error.line) == (rule, line)
    assert error.fix
    assert error.message


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_nesting_is_refused_long_before_it_is_dangerous(opening):
    error = refused(opening * 60_000)
    assert error.rule in ("yaml-depth", "yaml-syntax")
    assert error.line == 1


def test_limits_of_levels_and_values():
    assert yamlio.parse("[" * 40 + "1" + "]" * 40)
    assert refused("[" * 41 + "1" + "]" * 41).rule == "yaml-depth"
    assert len(yamlio.parse("[" + "1," * 49_998 + "1]")) == 49_999
    assert refused("a: [" + "1," * 50_000 + "1]").rule == "yaml-values"


TEXTS = "yes no on Off True NULL 017 0o17 0x1F 1_000 12:30:45 2024-06-01 .inf .NaN"


@pytest.mark.parametrize("text", TEXTS.split())
def test_words_of_other_yaml_stay_text(text):
    assert yamlio.parse(f"a: {text}\n") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("null", None), ("~", None), ("", None), ("12", 12), ("-1", -1), ("0.5", 0.5), ("1e5", 100000.0)],
)
def test_the_core_scalars_are_typed(text, value):
    read = yamlio.parse(f"a: {text}\n")["a"]
    assert read == value
    assert type(read) is type(value)


def test_an_unquoted_arxiv_id_reads_as_a_number():
    assert yamlio.parse("arxiv: 2401.06060\n") == {"arxiv": 2401.0606}


@pytest.mark.parametrize(("raw", "rule", "line"), [
    (b"a: 1\nb: \xff\xfe\n", "file-encoding", 2), ("a: é\n".encode("utf-16"), "file-encoding", 1),
    ("a: é\n".encode("latin-1"), "file-encoding", 1), (b"a: 1\nb: \x00\n", "file-characters", 2),
    (b"a: \x1b[0m\n", "file-characters", 1), (b"\xef\xbb\xbfa: 1\n", "file-characters", 1),
    (b"\xed\xa0\x80: 1\n", "file-encoding", 1),
])  # fmt: skip
def test_other_bytes_are_refused_with_their_line(tmp_path, raw, rule, line):
    file = tmp_path / "a.yaml"
    file.write_bytes(raw)
    with pytest.raises(YamlError) as caught:
        yamlio.read_text(file)
    assert (caught.value.rule, caught.value.line) == (rule, line)
    assert caught.value.fix


def test_files_that_are_too_large_are_refused_unread(tmp_path):
    file = tmp_path / "a.yaml"
    with file.open("wb") as handle:
        handle.truncate(100 * 2**20)
    with pytest.raises(YamlError, match=r"104,857,600 bytes.*\[file-size\]"):
        yamlio.read_text(file)
    assert refused("a: " + "x" * yamlio.MAX_BYTES).rule == "file-size"


def test_only_regular_files_inside_the_tree_are_read(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    (tmp_path / "secret.yaml").write_text("a: 1\n")
    (root / "real.yaml").write_text("a: 1\n")
    (root / "folder.yaml").mkdir()
    (root / "out.yaml").symlink_to(tmp_path / "secret.yaml")
    (root / "in.yaml").symlink_to(root / "real.yaml")
    (root / "loop.yaml").symlink_to(root / "loop.yaml")
    (root / "linked").symlink_to(tmp_path)
    (root / "null.yaml").symlink_to("/dev/null")
    os.mkfifo(root / "pipe.yaml")

    def rule(name: str) -> str:
        with pytest.raises(YamlError) as caught:
            yamlio.read_text(root / name, root)
        assert caught.value.fix
        return caught.value.rule

    assert yamlio.read_text(root / "in.yaml", root) == "a: 1\n"
    assert {rule(name) for name in ("out.yaml", "linked/secret.yaml", "null.yaml")} == {"file-outside"}
    assert {rule(name) for name in ("folder.yaml", "pipe.yaml", "missing.yaml")} == {"file-kind"}
    assert rule("loop.yaml") in ("file-read", "file-kind")


@given(st.binary(max_size=200) | st.text("ab:,-?[]{}&*!|>'\"%@`#\n \t\\<=.~1e", max_size=80).map(str.encode))
@example(b"\xff")
@example(b"%YAML 1.1\n---\n")
@example(b"? ")
@example(b"&")
@example(b"a: |9\n x\n")
def test_no_bytes_crash_the_reader(raw):
    refusal = None
    try:
        yamlio.parse(yamlio.decode(raw))
    except YamlError as error:
        refusal = error
    assert refusal is None or (refusal.rule and refusal.message and refusal.fix)


@given(PLAIN)
def test_what_is_read_is_plain_data_only(data):
    def plain(value) -> bool:
        if isinstance(value, dict):
            return all(type(key) is str and plain(item) for key, item in value.items())
        if isinstance(value, list):
            return all(map(plain, value))
        return value is None or type(value) in (bool, int, float, str)

    assert plain(yamlio.parse(yamlio.dump(data)))


def test_lines_are_found_by_path():
    text = "a: 1\nb:\n- c: 2\n  d: 3\n- {c: 4}\n"
    line_of = yamlio.line_finder(text)
    assert line_of(("b", 0, "d")) == 4
    assert line_of(("b", 1, "c")) == 5
    assert line_of(("b", 7, "x")) == 2
    assert line_of(()) == 1
    assert yamlio.line_finder("a: [")(("a",)) is None

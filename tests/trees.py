"""A small fabricated tree: every kind of record, nothing from the real data, so unit tests never depend on it.

Its files lie in `fabricated/`; tests take copies, changed as they need them.
"""

import os
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
#: The tree of the real records: the repository's, or that of a test which looks at what more records would do.
RECORDS = Path(os.environ.get("MOE_KB_TEST_RECORDS", REPOSITORY))
FOLDER = Path(__file__).parent / "fabricated"
#: The text of each of its files, by path.
FILES = {
    path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8") for path in sorted(FOLDER.rglob("*.yaml"))
}


def small_tree(folder: Path, changes: Mapping[str, str | None] | None = None) -> Path:
    """Write the fabricated tree.

    Args:
        folder: Where to write it.
        changes: Path to a new text, or None to leave the file out.

    Returns:
        The folder.
    """
    for path, text in {**FILES, **(changes or {})}.items():
        if text is not None:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    return folder


def edit(tree: Path, path: str, old: str, new: str) -> None:
    """Replace a text that stands once in a file of a tree."""
    file = tree / path
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
    file.write_text(text.replace(old, new), encoding="utf-8")


def remove_model(tree: Path) -> None:
    """Take the tree's only model away; rows of tables say so."""
    (tree / "data/models/alpha.yaml").unlink()
    (tree / "data/alignment.yaml").write_text(
        "rows:\n"
        "- {table: first-table, row: '1', reason: gone}\n- {table: first-table, row: '2', reason: gone}\n"
        "- {table: second-table, row: '1', reason: gone}\nconfigs: []\n"
    )


def many_papers(folder: Path, number: int) -> Path:
    """A tree of two sources and many papers with one claim and one relation each."""
    sources = ("data/sources/first-survey.yaml", "data/sources/second-list.yaml")
    small_tree(folder, {path: None for path in FILES if path not in sources})
    papers = folder / "data/papers/2020"
    papers.mkdir(parents=True, exist_ok=True)
    for n in range(number):
        (papers / f"p{n}.yaml").write_text(
            f"""\
key: p{n}
name: Paper {n}
title: The invented paper of number {n}
authors: [Author {n % 17}, Writer {n % 5}]
year: 2020
claims:
- {{source: second-list, field: citations, value: {n}}}
relations:
- {{source: first-survey, kind: extends, to: 'paper:p{n // 2}'}}
provenance:
- {{source: first-survey, fields: [name, title, authors, year]}}
""",
            encoding="utf-8",
        )
    return folder


#: A glossary and reading routes, by path; the tree has none of itself, so that tests may take any record away.
LEARNING = {
    "data/glossary.yaml": """\
terms:
- source: second-list
  term: gate
  short: [G-function]
  definition: Another word for the part that picks experts, kept apart here for tests.
- source: first-survey
  locator: §2
  term: token choice
  short: [TC, token-choice routing]
  definition: Each token picks the experts that score highest for it, as invented here.
  see: ['design:alpha-router', 'node:first:algorithm/gating']
""",
    "data/routes.yaml": """\
routes:
- key: from-beta-to-alpha
  title: From Beta to Alpha
  about: For those who invent routers.
  stops:
  - source: first-survey
    locator: §2
    work: paper:beta
    why: It shares what others split.
  - source: first-survey
    locator: §2
    work: paper:alpha
    why: It routes invented tokens.
  - {source: second-list, work: 'design:alpha-router', why: The router by itself.}
  - {source: first-survey, work: 'design:beta-router', why: What came of it.}
""",
}
#: What the model `alpha` must say beside its `vocab_size` for its size to be computed.
SIZED = "    vocab_size: 1000\n    tied_embeddings: false\n    norm: rms\n"
#: A model whose layers no source describes.
BARE = """\
key: beta
name: Beta *model* <script>
organisation: Other [Lab](https://evil.example)
papers: [beta]
configurations:
- {label: small}
provenance:
- {source: first-survey, fields: [name, organisation, papers]}
"""


def size_alpha(tree: Path) -> None:
    """Let the model `alpha` say all that its size depends on."""
    edit(tree, "data/models/alpha.yaml", "    vocab_size: 1000\n", SIZED)

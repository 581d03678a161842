"""One record's issues are those of the whole audit that concern it, and what is kept stays equal to a fresh audit."""

from collections.abc import Collection
from pathlib import Path
from random import Random

import pytest
from trees import FILES, edit, small_tree

from moe_kb.audit import kept, rules
from moe_kb.audit.issue import Issue
from moe_kb.db.reader import Reader
from moe_kb.kb import KnowledgeBase, open_kb

CITE = "source: {}, locator: '§{}'"
NAMES = ["Alpha", "alpha", "Älpha", "Gamma", "Delta MoE", "DeltaMoE"]
AUTHORS = ["Ada Author", "ada author", "Bo Writer", "Cy Third"]
IDENTIFIERS = ["2103.00001", "2104.00002", "1013.00003", "2209.00004"]
ADDRESSES = [*(f"https://arxiv.org/abs/{number}v2" for number in IDENTIFIERS), "http://www.example.org/x/"]


def asked(kb: KnowledgeBase, records: Collection[str]) -> list[Issue]:
    with kb.reader() as reader:
        return rules.run(Reader(reader.connection, records))


def whole(kb: KnowledgeBase) -> list[Issue]:
    with kb.reader() as reader:
        return rules.run(reader)


def holds_by_record(kb: KnowledgeBase, step: int = 1) -> set[str]:
    """Check every record (or one in so many), and some together; the rules that found something."""
    everything = whole(kb)
    names = [brief.record for brief in kb.briefs()][::step]
    for name in names:
        assert asked(kb, {name}) == [issue for issue in everything if issue.concerns(name)], name
    together = set(names[::3])
    assert asked(kb, together) == [issue for issue in everything if issue.records & together]
    return {issue.rule for issue in everything}


def cite(rng: Random) -> str:
    return CITE.format(rng.choice(["first-survey", "second-list"]), rng.randint(1, 3))


def paper(rng: Random, number: int) -> str:
    claims = "".join(
        f"- {{{cite(rng)}, field: {field}, value: '{value}'}}\n"
        for field, value in (
            ("arxiv", rng.choice(IDENTIFIERS)),
            ("url", rng.choice(ADDRESSES)),
            ("title", f"Routing Invented Tokens {rng.randint(1, 3)}"),
        )
        if rng.random() < 0.5
    )
    arxiv = f"ids: {{arxiv: '{2103 + number}.{number + 11:05}'}}\n" if rng.random() < 0.5 else ""
    placements = (
        f"placements:\n- {{{cite(rng)}, taxonomy: first, node: algorithm, printed_as: [{rng.choice(NAMES)}]}}\n"
    )
    others = rng.sample([*range(number), *range(number + 1, 6)], 1)
    return (
        f"key: p{number}\nname: {rng.choice(NAMES)}\ntitle: One Two Three Four Five Six Seven Eight Nine {number}\n"
        f"authors: [{', '.join(rng.sample(AUTHORS, 2))}]\nyear: {rng.randint(2019, 2023)}\n{arxiv}"
        + (f"claims:\n{claims}" if claims else "")
        + f"relations:\n- {{{cite(rng)}, kind: {rng.choice(['extends', 'compares'])}, to: 'paper:p{others[0]}'}}\n"
        + (placements if rng.random() < 0.6 else "")
        + f"provenance:\n- {{{cite(rng)}, fields: [name, title, authors, year{', ids' if arxiv else ''}]}}\n"
    )


def design(rng: Random, number: int) -> str:
    usages = "".join(
        f"- {{{cite(rng)}, by: 'paper:p{by}', role: {rng.choice(['introduces', 'uses'])}}}\n"
        for by in rng.sample(range(6), 2)
    )
    runs = f"implementation: {rng.choice(['switch-top1-router', 'nothing'])}\n" if rng.random() < 0.5 else ""
    return (
        f"key: d{number}\nname: {rng.choice(NAMES)}\ncomponent: gating\nyear: {rng.randint(2019, 2023)}\n{runs}"
        f"usages:\n{usages}provenance:\n- {{{cite(rng)}, fields: [name, year]}}\n"
    )


def model(rng: Random, number: int) -> str:
    claims = "".join(
        f"- {{{cite(rng)}, field: {field}, configuration: base, value: {value}}}\n"
        for field, value in (
            ("n_layers", rng.choice([12, 24])),
            ("n_moe_layers", rng.choice([12, 24, 36])),
            ("params_total", rng.choice([10**9, 2 * 10**9])),
            ("params_active", rng.choice([10**9, 3 * 10**9])),
            ("report", f"'{rng.choice(ADDRESSES)}'"),
            *([("vocab_size", rng.choice([30_000, 300_000]))] if rng.random() < 0.1 else []),
        )
        for _ in range(rng.randint(0, 2))
    )
    papers = f"papers: [p{rng.randrange(6)}]\n" if rng.random() < 0.6 else ""
    return (
        f"key: m{number}\nname: {rng.choice(NAMES)}\nreleased: '{rng.randint(2019, 2023)}-05'\n{papers}"
        "configurations:\n- label: base\n"
        + (f"claims:\n{claims}" if claims else "")
        + f"provenance:\n- {{{cite(rng)}, fields: [name, released{', papers' if papers else ''}]}}\n"
    )


MAKERS = {"papers/p{}": (paper, 6), "designs/gating/d{}": (design, 3), "models/m{}": (model, 3)}


def write(tree: Path, rng: Random, place: str, number: int) -> None:
    """Write a record of the random tree; a paper stands in the folder of the year it had first."""
    text = MAKERS[place][0](rng, number)
    if place == "papers/p{}":
        for old in tree.glob(f"data/papers/*/p{number}.yaml"):
            year = old.parent.name
            text = "\n".join(f"year: {year}" if line.startswith("year: ") else line for line in text.splitlines())
            old.write_text(text + "\n", encoding="utf-8")
            return
        year = next(line for line in text.splitlines() if line.startswith("year: ")).removeprefix("year: ")
        place = f"papers/{year}/p{{}}"
    path = tree / "data" / f"{place.format(number)}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """The fabricated tree with works that share names, identifiers, authors and titles."""
    tree = small_tree(tmp_path / "tree")
    rng = Random(19)
    for place, (_, count) in MAKERS.items():
        for number in range(count):
            write(tree, rng, place, number)
    return tree


def test_by_record_on_the_fabricated_tree(kb):
    assert holds_by_record(kb) >= {"claims/differ", "sizes/described-shape", "dates/leans-on-later-work"}


def test_by_record_where_works_share_names(crowded, tmp_path):
    found = holds_by_record(open_kb(crowded, database=tmp_path / "kb.db"))
    assert found >= {"identity/shared-identifier", "identity/alike-titles", "identity/one-name", "dates/design-year"}
    assert found >= {"identity/printed-for-two-works", "identity/report-without-link", "coverage/unplaced-paper"}


@pytest.mark.integration
def test_by_record_on_the_real_data(real_kb):
    assert len(holds_by_record(real_kb, 5)) > 10


@pytest.mark.parametrize("seed", range(4))
def test_kept_issues_follow_every_edit(crowded, tmp_path, seed, monkeypatch):
    rng = Random(seed)
    runs: list[Collection[str] | None] = []

    def watched(reader: Reader) -> list[Issue]:
        runs.append(reader.records)
        return whole_run(reader)

    whole_run = rules.run
    monkeypatch.setattr(rules, "run", watched)
    open_kb(crowded, database=tmp_path / "kb.db").audit()
    assert runs == [None]
    for _ in range(12):
        for _ in range(rng.randint(1, 2)):
            place, (_, count) = rng.choice(list(MAKERS.items()))
            write(crowded, rng, place, rng.randrange(count))
        kb = open_kb(crowded, database=tmp_path / "kb.db")
        assert kb.stale is None
        assert kb.audit() == whole(kb)
    assert any(records is not None for records in runs), "most edits need no second look at everything"


def test_a_new_and_a_removed_paper(crowded, tmp_path):
    database = tmp_path / "kb.db"
    open_kb(crowded, database=database).audit()
    (crowded / "data/papers/2020/new.yaml").write_text(
        "key: new\nname: Alpha\ntitle: One Two Three Four Five Six Seven Eight Nine\nauthors: [Bo Writer]\nyear: 2020\n"
        "provenance:\n- {source: first-survey, locator: §1, fields: [name, title, authors, year]}\n",
        encoding="utf-8",
    )
    kb = open_kb(crowded, database=database)
    assert kb.audit() == whole(kb)
    assert any(issue.concerns("paper:new") for issue in kb.audit(rule="identity"))
    (crowded / "data/papers/2020/new.yaml").unlink()
    kb = open_kb(crowded, database=database)
    assert kb.audit() == whole(kb)


@pytest.mark.parametrize(
    "path", ["data/tables/first-table.yaml", "data/waivers.yaml", "data/sources/alpha-config.yaml"]
)
def test_what_all_rests_on_is_audited_anew(tree, database, path):
    open_kb(tree, database=database).audit()
    text = (
        FILES[path]
        .replace("params_total: 3B", "params_total: 2B")
        .replace("older than its name", "old")
        .replace("type: config", "type: page")
    )
    assert text != FILES[path]
    (tree / path).write_text(text, encoding="utf-8")
    kb = open_kb(tree, database=database)
    assert kb.audit() == whole(kb)


def test_a_record_of_a_large_tree_alone(kb, monkeypatch):
    monkeypatch.setattr(kept, "SMALL", 5)
    expected = [issue for issue in whole(kb) if issue.concerns("model:alpha")]
    assert kb.audit("model:alpha") == expected
    assert not kept.beside(kb.database).exists(), "nobody asked for the whole"
    kb.audit()
    assert kb.audit("model:alpha") == expected


def test_damaged_issues_are_computed_anew(kb, tree):
    expected = kb.audit()
    edit(tree, "data/papers/2020/beta.yaml", "name: Beta", "name: Betta")
    for damage in (b"no database", kept.beside(kb.database).read_bytes()[:5000]):
        kept.beside(kb.database).write_bytes(damage)
        assert kb.audit() == expected
    again = open_kb(tree, database=kb.database)
    kept.beside(kb.database).write_bytes(b"no database")
    assert again.audit() == whole(again)


def test_a_folder_that_cannot_be_written(kb, monkeypatch):
    from moe_kb.errors import DatabaseError

    def refused(*_: object, **__: object) -> None:
        raise DatabaseError("read-only")

    monkeypatch.setattr(kept, "replacing", refused)
    assert kb.audit() == whole(kb)
    assert kb.audit("model:alpha") == [issue for issue in whole(kb) if issue.concerns("model:alpha")]

"""Records: files of the fabricated tree and of the real one, as text and as values, changed in ways nobody should."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

from fuzz.harness import Attempt
from fuzz.text import SIGNS, text_of
from trees import FILES, RECORDS, small_tree

from moe_kb import yamlio
from moe_kb.checks import Index, check_corpus, check_record, other_form
from moe_kb.cli.show import as_text
from moe_kb.corpus import Corpus, Finding, read_model
from moe_kb.db.build import build
from moe_kb.db.rehearsal import rehearse
from moe_kb.errors import CheckFailedError, MoeKbError
from moe_kb.kb import KnowledgeBase
from moe_kb.records import Record

#: Real files that are changed too, of every folder.
SAMPLE = 6
#: One input in so many is built into a database and asked.
BUILT = 50
NUMBERS = (0, -1, 1, 2, 5, 100, 10**6, 10**12, 10**15, 10**18, 2**63, 10**39, 0.1, -2.5, 1e-300, 1e308, True)
TEXTS = (
    "", " ", "\n", "a\nb", "x" * 501, "y" * 5000, "Аlphа", "a\u200bb", "a\u202eb", "ﬁ", "2103.00001", "1B", "1.2B", "0",
    "-5", "1/0", "0*d_model", "1/3*d_model", "2021-03", "2021-02-30", "0000", "9999-12-31/9999-12-31", "2100-12-31",
    "1900", "https://example.org/", "https://[", "http://a:99999999", "paper:beta", "paper:gone", "model:alpha", "yes",
    "no", "✓", "nan", "1e400", "first", "first-survey", "algorithm/gating", "100 TFLOPS", "0 TFLOPS", "9" * 30 + " PB",
)  # fmt: skip
#: Names of fields whose values are compared, counted or drawn.
_FIELDS = """released date year params_total params_active d_model n_layers n_heads d_expert n_experts_total mmlu arxiv
n_experts_active expert_placement experts code_url report weights venue name title activation openness vocab_size url
memory_capacity memory_bandwidth interconnect_bandwidth peak_bf16 context_length"""
FIELDS = _FIELDS.split()
#: Words of closed vocabularies.
WORDS = ("text", "integer", "number", "count", "expression", "date", "boolean", "reference", "derived", "unclear")


@contextmanager
def records(folder: Path) -> Iterator[Attempt]:
    """One file of a tree is changed: findings that name it, or a record that can be built and asked."""
    small, real = small_tree(folder / "small"), folder / "real"
    corpora = {small: Corpus.load(small), real: Corpus.load(RECORDS)}
    indexes = {tree: Index.of(corpus) for tree, corpus in corpora.items()}
    originals = {(small, path): text for path, text in FILES.items()}
    for path in _sample(corpora[real]):
        (real / path).parent.mkdir(parents=True, exist_ok=True)
        originals[real, path] = (RECORDS / path).read_text(encoding="utf-8")
    parsed = {place: yamlio.parse(text) for place, text in originals.items()}
    scalars = sorted({str(value) for data in parsed.values() for _, _, value in _places(data) if _is_scalar(value)})

    def attempt(random: Random) -> str:
        deep = random.randrange(BUILT) == 0
        tree, path = random.choice([place for place in originals if place[0] == small or not deep])
        file = tree / path
        try:
            for _ in range(20 if deep else 1):  # what is refused at once says little of the build
                if random.random() < 0.25:
                    raw = _changed_text(random, originals[tree, path])
                else:
                    raw = _dumped(_changed(random, parsed[tree, path], scalars), random)
                file.write_bytes(raw)
                if (outcome := _checked(tree, path, indexes[tree])) == "accepted":
                    break
            return _built(tree, folder, refused=outcome == "refused", random=random) if deep else outcome
        finally:
            file.write_text(originals[tree, path], encoding="utf-8")

    yield attempt


def _sample(corpus: Corpus) -> list[str]:
    """A few files of every folder, the longest among them."""
    folders: dict[str, list[tuple[int, str]]] = {}
    for stamp in corpus.stamps:
        folders.setdefault("/".join(stamp.path.split("/")[:2]), []).append((stamp.size, stamp.path))
    chosen = []
    for files in folders.values():
        step = max(1, len(files) // SAMPLE)
        chosen += sorted(path for size, path in sorted(files, reverse=True)[::step] if size < 20_000)
    return chosen


def _checked(tree: Path, path: str, index: Index) -> str:
    """What the reading, the rules and the rehearsal of one file say; every finding names the file and what to do."""
    record, text, found = read_model(tree, path)
    if record is not None:
        found = check_record(record, path, index, tree)
        other_form(path, record, text)
        if isinstance(record, Record) and not found:
            found = rehearse(Corpus(tree, records={record.reference: record}, paths={record.reference: path}))
    for finding in found:
        _clear(finding)
        assert finding.path == path
    return "refused" if found else "accepted"


def _clear(finding: Finding) -> None:
    assert finding.message.strip(), finding
    assert finding.fix.strip(), finding
    assert finding.rule != "unusable", finding
    assert len(str(finding)) < 5000, finding


def _built(tree: Path, folder: Path, *, refused: bool, random: Random) -> str:
    """A build of the whole tree: refused where the check has findings, naming the file; else everything answers."""
    corpus = Corpus.load(tree)
    findings = [*check_corpus(corpus), *rehearse(corpus)]
    database = folder / "kb.db"
    said = None
    try:
        build(tree, database, force=True)
    except CheckFailedError as error:
        said = str(error)
    assert (said is not None) == bool(findings), (said, findings)
    if said is not None:
        assert findings[0].path in said
        return "build refused"
    assert not refused
    ask(KnowledgeBase(database, tree), random)
    return "built"


def ask(kb: KnowledgeBase, random: Random) -> None:
    """Whatever the command line and the app ask of a database."""
    names = [brief.record for brief in kb.briefs()]
    for name in random.sample(names, min(4, len(names))):
        (
            as_text(kb, name),
            kb.record_json(name),
            kb.get(name),
            kb.related(name),
            kb.cite([name]) if "paper" in name else None,
        )
    kb.audit(), kb.stats(), kb.disagreements(), kb.search("alpha"), kb.search(""), kb.papers(), kb.gates(), kb.scores()
    kb.systems(), kb.configurations(), kb.sizable(), kb.devices(), kb.measurements(), kb.observations()
    kb.papers_by_year(), kb.timelines(), kb.sources()
    for model in (name for name in names if name.startswith("model:")):
        kb.values(model), kb.routers(model)
        with suppress(MoeKbError):  # none of its layers are described
            kb.architectures(model)
    for design in (name for name in names if name.startswith("design:")):
        kb.properties(design), kb.users(design), kb.lineage(design)
    for taxonomy in kb.taxonomies():
        kb.tree(taxonomy.key)
    for question in (lambda: kb.tradeoffs(), lambda: kb.trends("granularity"), lambda: kb.timeline("first-table")):
        with suppress(MoeKbError):  # nothing of that kind is left
            question()


# --- changes ---------------------------------------------------------------------------------------------------------

Place = tuple[Any, Any, Any]


def _places(data: Any) -> list[Place]:
    """Every value inside with what holds it and where: holder, key, value."""
    found: list[Place] = []
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        found.append((data, key, value))
        found += _places(value)
    return found


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, (dict, list))


def _changed(random: Random, data: Any, scalars: list[str]) -> Any:
    data = deepcopy(data)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = _places(data)
        if not places:
            return data
        holder, key, value = random.choice(places)
        dice = random.random()
        if dice < 0.1:
            del holder[key]
        elif dice < 0.2 and isinstance(holder, list):
            holder.insert(random.randrange(len(holder) + 1), deepcopy(value))
        elif dice < 0.2:
            holder[_misspelt(random, str(key))] = holder.pop(key)
        elif key in ("field", "name") and dice < 0.6:
            holder[key] = random.choice(FIELDS)
        elif key in ("type", "status", "kind", "counting") and dice < 0.6:
            holder[key] = random.choice(WORDS)
        else:
            holder[key] = _other(random, value, scalars)
    return data


def _other(random: Random, value: Any, scalars: list[str]) -> Any:
    """A value in place of another, of its type half of the time."""
    if random.random() < 0.5:
        if isinstance(value, bool):
            return not value
        if isinstance(value, (int, float)):
            return random.choice(NUMBERS)
        if isinstance(value, str):
            return random.choice((*TEXTS, random.choice(scalars), random.choice(scalars), str(random.choice(NUMBERS))))
    dice = random.random()
    if dice < 0.25:
        return random.choice(NUMBERS)
    if dice < 0.5:
        return random.choice(TEXTS)
    if dice < 0.7:
        return random.choice(scalars)
    if dice < 0.75:
        return _misspelt(random, str(value))
    if dice < 0.8:
        return text_of(random, scalars).encode("utf-8", "replace").decode()
    if dice < 0.85:
        deep: Any = value
        for _ in range(random.choice((1, 2, 60))):
            deep = random.choice(([deep], {"a": deep}))
        return deep
    if dice < 0.9:
        return [value] * random.choice((0, 2, 3, 250))
    return random.choice((None, [], {}, str(value), [value], {"printed": str(value)}, {"source": "first-survey"}))


def _misspelt(random: Random, word: str) -> str:
    place = random.randrange(len(word) + 1)
    return word[:place] + random.choice(("", "e", word[:1], "-", " ", "\u200b", "а")) + word[place + 1 :]


def _dumped(data: Any, random: Random) -> bytes:
    """YAML of plain data, in the canonical way or in one of the many others."""
    text = yamlio.dump(data)
    if random.random() < 0.1:
        text = text.replace("\n", "\r\n")
    return text.encode("utf-8", "surrogatepass")


def _changed_text(random: Random, text: str) -> bytes:
    for _ in range(random.choice((1, 1, 2, 5))):
        start = random.randrange(len(text) + 1)
        end = start + random.choice((0, 0, 1, 3, 20))
        text = (
            text[:start]
            + random.choice((*SIGNS, text[start:end] * 2, "\n", "  ", "- ", "# ", "&a ", "*a", "!!int "))
            + text[end:]
        )
    raw = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.1:
        start = random.randrange(len(raw) + 1)
        raw = raw[:start] + random.randbytes(random.choice((1, 2, 8))) + raw[start:]
    return raw

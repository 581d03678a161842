"""Writes a deterministic synthetic tree: N papers of about 1.3 KB, with designs, models, sources and a taxonomy.

The words follow Zipf's law over a vocabulary of field words and invented ones, so that the full-text index meets very
common and very rare words as it would in real text. Nothing in it is a fact.

    python -m benchmarks.synthetic 20000 /tmp/tree
"""

from __future__ import annotations

import random
import sys
from bisect import bisect
from itertools import accumulate
from pathlib import Path

from moe_kb import yamlio

#: In order of frequency; the first few stand in almost every record, as they do in the real ones.
FIELD_WORDS = (
    "experts model mixture routing language training the of for sparse gating token large efficient scaling "
    "inference network layer parameter transformer load balancing capacity dense shared attention learning neural "
    "conditional computation multilingual vision pretraining tuning adapter low-rank switch top-k noise auxiliary "
    "loss dropping communication parallelism offloading quantisation pruning distillation granularity "
    "hierarchical differentiable soft hash random assignment optimal transport reinforcement translation speech "
    "recommendation multimodal upcycling merging continual federated diffusion segmentation robotics kernel "
    "prefetching cache latency throughput"
)
SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo yu za bre cla dri flo gru sta tre vli"
VENUES = ["NeurIPS", "ICML", "ICLR", "ACL", "EMNLP", "CVPR", "MLSys", "arXiv", "JMLR", "KDD"]
BRANCHES = {
    "algorithm": ["gating", "experts", "losses", "peft", "training", "inference"],
    "system": ["computation", "communication", "storage"],
    "application": ["language", "vision", "speech", "recommendation"],
}
LEAVES = ["sparse", "dense", "soft", "adaptive", "shared"]
RELATIONS = ["extends", "variant-of", "compares", "based-on", "uses"]
N_SOURCES = 200


class Words:
    """A vocabulary drawn by Zipf's law."""

    def __init__(self, rng: random.Random, size: int = 12_000) -> None:
        self.rng = rng
        common, syllables = FIELD_WORDS.split(), SYLLABLES.split()
        invented: dict[str, None] = {}
        while len(invented) < size - len(common):
            invented["".join(rng.choices(syllables, k=rng.randint(2, 4)))] = None
        self.vocabulary = [*common, *invented]
        self._sums = list(accumulate(1 / rank for rank in range(1, len(self.vocabulary) + 1)))

    def draw(self, count: int) -> list[str]:
        """`count` words."""
        total = self._sums[-1]
        return [self.vocabulary[bisect(self._sums, self.rng.random() * total)] for _ in range(count)]

    def phrase(self, count: int) -> str:
        """`count` words with a capital at the front."""
        return " ".join(self.draw(count)).capitalize()


def write_tree(folder: Path, papers: int, seed: int = 20_000) -> None:
    """Write the tree into `folder`, which must not hold `data/` yet."""
    if (folder / "data").exists():
        raise FileExistsError(f"{folder} already holds data/")
    rng = random.Random(seed)
    words = Words(rng)
    nodes: list[str] = []
    for top, middles in BRANCHES.items():
        nodes.append(top)
        for middle in middles:
            nodes += [f"{top}/{middle}", *(f"{top}/{middle}/{leaf}" for leaf in LEAVES)]
    writer = _Files(folder)
    about = {"description": "An invented order of an invented field.", "source": "source-0"}
    labelled = [{"id": node, "label": node.rpartition("/")[2].capitalize()} for node in nodes]
    writer.write("taxonomy/synthetic.yaml", {**about, "key": "synthetic", "name": "Synthetic", "nodes": labelled})
    kinds = ("survey", "paper", "config", "model-card", "list")
    for number in range(N_SOURCES):
        source = {"key": f"source-{number}", "name": f"Source {number}", "title": words.phrase(8)}
        source |= {"type": kinds[number % 5], "url": f"https://example.org/source/{number}"}
        writer.write(f"data/sources/source-{number}.yaml", source)
    authors = [f"{rng.choice('ABCDEFGHIJKLMNOPRSTVWYZ')}. {words.draw(1)[0].capitalize()}" for _ in range(4000)]
    for number in range(papers):
        writer.write_text(*_paper(number, rng, words, authors, nodes))
    for number in range(papers // 40):
        writer.write_text(*_design(number, rng, words, papers, nodes))
        writer.write_text(*_model(number, rng, words, papers, papers // 40))


class _Files:
    """Writes files, making each folder once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: set[Path] = set()

    def write(self, path: str, data: object) -> None:
        self.write_text(path, yamlio.dump(data))

    def write_text(self, path: str, text: str) -> None:
        target = self.folder / path
        if target.parent not in self.made:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.made.add(target.parent)
        target.write_text(text, encoding="utf-8")


def _cite(rng: random.Random) -> str:
    return f"source: source-{rng.randrange(N_SOURCES)}, locator: '§{rng.randint(1, 9)}.{rng.randint(1, 9)}'"


def _paper(number: int, rng: random.Random, words: Words, authors: list[str], nodes: list[str]) -> tuple[str, str]:
    """Path and text; written as text, since dumping 20,000 records would take longer than what is measured."""
    year = 1991 + int(34 * rng.random() ** 0.4)
    month, day = rng.randint(1, 12), rng.randint(1, 28)
    who = dict.fromkeys(rng.choice(authors) for _ in range(rng.randint(2, 9)))
    short = "".join(word.capitalize().replace("-", "") for word in words.draw(2))
    lines = [
        f"key: synthetic-{number}",
        f"name: {short}MoE-{number}",
        f"title: '{short}MoE-{number}: {words.phrase(rng.randint(6, 12))}'",
        f"authors: [{', '.join(who)}]",
        f"year: {year}",
        f"date: '{year}-{month:02d}-{day:02d}'",
        f"venue: {rng.choice(VENUES)} {year}",
        f"ids: {{arxiv: '{15 + number % 11}{1 + number % 12:02d}.{1 + number % 99_999:05d}'}}",
        f"links: {{paper: 'https://example.org/{number}', code: 'https://example.org/code/{number}'}}",
        "summary:",
        f"  text: {words.phrase(rng.randint(20, 45))}.",
        "  cites:",
        f"  - {{{_cite(rng)}}}",
    ]
    if number % 3 == 0:
        lines += ["claims:", f"- {{{_cite(rng)}, field: date, value: '{year}-{month:02d}', status: derived}}"]
    lines.append("relations:")
    for target in sorted({rng.randrange(max(1, number)) for _ in range(rng.randint(1, 2))}):
        lines.append(f"- {{{_cite(rng)}, kind: {rng.choice(RELATIONS)}, to: 'paper:synthetic-{target}'}}")
    lines.append("placements:")
    for node in rng.sample(nodes, rng.randint(1, 2)):
        lines.append(f"- {{{_cite(rng)}, taxonomy: synthetic, node: {node}, printed_as: [{short}MoE]}}")
    lines += [
        "provenance:",
        f"- {{{_cite(rng)}, fields: [name, title, authors, year, venue]}}",
        f"- {{{_cite(rng)}, fields: [date, ids, links]}}",
    ]
    return f"data/papers/{year}/synthetic-{number}.yaml", "\n".join(lines) + "\n"


def _design(number: int, rng: random.Random, words: Words, papers: int, nodes: list[str]) -> tuple[str, str]:
    lines = [
        f"key: router-{number}",
        f"name: Router {number}",
        "component: gating",
        f"year: {rng.randint(2017, 2025)}",
        "properties:",
        f"  chooser: {{{_cite(rng)}, value: {rng.choice(['token', 'expert'])}}}",
        f"  experts_per_token: {{{_cite(rng)}, value: fixed-k}}",
        f"  k: {{{_cite(rng)}, value: {rng.choice([1, 2, 4, 8])}}}",
        "usages:",
        *(
            f"- {{{_cite(rng)}, by: 'paper:synthetic-{rng.randrange(papers)}', role: {role}}}"
            for role in ("introduces", "uses", "uses", "modifies")
        ),
        "summary:",
        f"  text: {words.phrase(20)}.",
        "  cites:",
        f"  - {{{_cite(rng)}}}",
        "placements:",
        f"- {{{_cite(rng)}, taxonomy: synthetic, node: {rng.choice(nodes)}}}",
        "provenance:",
        f"- {{{_cite(rng)}, fields: [name, year]}}",
    ]
    return f"data/designs/gating/router-{number}.yaml", "\n".join(lines) + "\n"


def _model(number: int, rng: random.Random, words: Words, papers: int, designs: int) -> tuple[str, str]:
    total = rng.randint(1, 2000) * 10**9
    values = {
        "n_layers": rng.randint(12, 96),
        "d_model": 128 * rng.randint(4, 96),
        "n_heads": 8 * rng.randint(1, 16),
        "n_routed_experts": 2 ** rng.randint(2, 9),
        "experts_per_token": 2 ** rng.randint(0, 3),
        "params_total": total,
        "params_active": total // 8,
        "mmlu": rng.randint(20, 90),
    }
    lines = [
        f"key: model-{number}",
        f"name: Model {number}",
        f"organisation: {words.draw(1)[0].capitalize()}",
        f"released: '{rng.randint(2020, 2025)}-{rng.randint(1, 12):02d}'",
        "configurations:",
        "- label: base",
        "claims:",
    ]
    for field, value in values.items():
        for _ in range(2):  # two sources a value, which now and then differ
            other = value + (rng.random() < 0.02)
            lines.append(f"- {{{_cite(rng)}, field: {field}, value: {other}, configuration: base}}")
    lines += ["provenance:", f"- {{{_cite(rng)}, fields: [name, organisation, released]}}"]
    return f"data/models/model-{number}.yaml", "\n".join(lines) + "\n"


if __name__ == "__main__":
    write_tree(Path(sys.argv[2]), int(sys.argv[1]))

"""A small fabricated tree: every kind of record, nothing from the real data, so unit tests never depend on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FILES: dict[str, str] = {
    "data/sources/first-survey.yaml": """\
key: first-survey
name: First survey
title: A survey of invented mixtures
type: survey
url: https://example.org/first
""",
    "data/sources/second-list.yaml": """\
key: second-list
name: Second list
title: A list of invented models
type: list
url: https://example.org/second
""",
    "data/sources/alpha-config.yaml": """\
key: alpha-config
name: Alpha config
title: config.json of Alpha
type: config
""",
    "data/papers/2021/alpha.yaml": """\
key: alpha
name: Alpha
title: 'Alpha: Routing Invented Tokens'
aliases: [AlphaMoE]
authors: [Ada Author, Bo Writer]
year: 2021
date: '2021-03-04'
venue: Conference of Examples 2021
ids: {arxiv: '2103.00001'}
links: {paper: 'https://example.org/alpha', code: 'https://example.org/alpha-code'}
summary:
  text: Invents a router that sends each token to the expert of its choice.
  cites:
  - {source: first-survey, locator: §2}
relations:
- {source: first-survey, locator: §2, kind: extends, to: 'paper:beta'}
placements:
- source: first-survey
  locator: Figure 1
  taxonomy: first
  node: algorithm/gating/sparse
  printed_as: [Alpha, Alpha-L]
provenance:
- source: first-survey
  locator: reference 1
  fields: [name, title, aliases, authors, year, venue, ids, links]
- source: second-list
  fields: [date]
""",
    "data/papers/2020/beta.yaml": """\
key: beta
name: Beta
title: Beta Learns to Share
authors: [Bo Writer]
authors_complete: false
year: 2020
placements:
- source: first-survey
  locator: Figure 1
  taxonomy: first
  node: algorithm/gating
provenance:
- source: first-survey
  locator: reference 2
  fields: [name, title, authors, year]
""",
    "data/designs/gating/alpha-router.yaml": """\
key: alpha-router
name: Alpha router
component: gating
year: 2021
properties:
  chooser: {source: first-survey, locator: §2, value: token}
  experts_per_token: {source: first-survey, locator: §2, value: one}
  k: {source: first-survey, locator: §2, value: 1}
  renormalised: {source: first-survey, locator: §2, value: false, status: derived}
equations:
- source: first-survey
  locator: Eq. 1
  label: gate value
  latex: g_i(x) = \\mathrm{softmax}(W x)_i
  legend: {x: the token's vector, W: the router's matrix}
usages:
- {source: first-survey, locator: §2, by: 'paper:alpha', role: introduces}
- source: first-survey
  locator: §3
  by: paper:beta
  role: uses
  status: derived
implementation: switch-top1-router
summary:
  text: Each token goes to its best expert.
  cites:
  - {source: first-survey, locator: §2}
placements:
- source: first-survey
  locator: Figure 1
  taxonomy: first
  node: algorithm/gating/sparse
provenance:
- source: first-survey
  locator: §2
  fields: [name, year]
""",
    "data/designs/gating/beta-router.yaml": """\
key: beta-router
name: Beta router
component: gating
properties:
  chooser: {source: first-survey, locator: §3, value: expert}
  experts_per_token: {source: first-survey, locator: §3, value: adaptive}
algorithm:
  source: first-survey
  locator: §3
  steps: [Score every token., Give each expert its best tokens.]
relations:
- {source: first-survey, locator: §3, kind: variant-of, to: 'design:alpha-router'}
provenance:
- source: first-survey
  locator: §3
  fields: [name]
""",
    "data/models/alpha.yaml": """\
key: alpha
name: Alpha
organisation: Example Lab
released: 2021-03
openness: open
papers: [alpha]
configurations:
- label: 1B
  architecture:
    source: alpha-config
    locator: config.json
    d_model: 512
    vocab_size: 1000
    decoder:
      groups:
      - sublayers:
        - {kind: attention, n_heads: 8, d_head: 64}
        - {kind: dense, d_ffn: 2048, activation: relu}
      - repeat: 3
        sublayers:
        - {kind: attention, n_heads: 8, d_head: 64}
        - kind: moe
          n_routed_experts: 8
          experts_per_token: 1
          d_expert: 2048
          activation: relu
          shared: {count: 1, d_expert: 2048}
          router: {design: alpha-router, score: softmax}
claims:
- source: alpha-config
  field: params_total
  value: 1200000000
  configuration: 1B
  unit: parameters
  status: derived
provenance:
- source: first-survey
  locator: Table 1, row 1
  fields: [name, organisation, released, openness, papers]
""",
    "data/systems/gamma.yaml": """\
key: gamma
name: Gamma
organisation: Example Lab
repository: https://example.org/gamma
papers: [beta]
provenance:
- source: first-survey
  locator: Table 2
  fields: [name, organisation, repository, papers]
""",
    "data/accelerators/zeta.yaml": """\
key: zeta
name: Zeta 9000
organisation: Example Lab
released: 2020-05
peaks:
- source: first-survey
  locator: Table 3
  printed: 19.5 TFLOPS
  precision: fp32
  engine: vector
- {source: first-survey, locator: Table 3, printed: 300 TFLOPS, precision: bf16}
- source: second-list
  printed: 1,200 TFLOPS
  value: 600000000000000
  status: derived
  note: half of the figure with sparsity
  precision: fp8
memory: {source: first-survey, locator: Table 3, printed: 80 GB}
memory_bandwidth: {source: first-survey, locator: Table 3, printed: 2 TB/s}
interconnect: {source: second-list, printed: 600 GB/s, direction: both-ways, link: ZetaLink}
claims:
- source: second-list
  field: memory_bandwidth
  value: 2039000000000
  printed: 2039 GB/s
  unit: bytes/s
provenance:
- source: first-survey
  locator: Table 3
  fields: [name, organisation, released]
""",
    "data/tables/first-table.yaml": """\
key: first-table
name: First table
title: Invented hyperparameters
source: first-survey
locator: Table 1
about: model
columns:
- name: params_total
  type: count
  field: params_total
  unit: parameters
  description: All parameters
- {name: d_model, type: integer, field: d_model, description: Width}
- {name: d_ffn, type: expression, field: d_ffn, description: Hidden width}
- {name: experts, type: text, description: Experts as printed}
- name: n_experts_total
  type: integer
  field: n_experts_total
  counting: incl-shared
  description: Experts, shared ones included
- name: mmlu
  type: number
  field: mmlu
  unit: percent
  setting: 5-shot
  description: MMLU
rows:
- row: '1'
  label: Alpha 1B
  cells:
    params_total: 1.2B
    d_model: '512'
    d_ffn: 4*d_model
    experts: 1/9
    n_experts_total: '9'
    mmlu:
    - {printed: '45.0'}
    - {printed: '46.5', setting: 0-shot}
- row: '2'
  label: Nameless
  cells: {params_total: 3B, d_model: '640'}
""",
    "data/tables/second-table.yaml": """\
key: second-table
name: Second table
title: Another list
source: second-list
locator: README
about: model
columns:
- name: params_total
  type: count
  field: params_total
  unit: parameters
  description: All parameters
- {name: d_model, type: integer, field: d_model, description: Width}
rows:
- row: '1'
  label: Alpha
  cells: {params_total: 1B, d_model: '768'}
""",
    "data/alignment.yaml": """\
rows:
- {table: first-table, row: '1', subject: 'model:alpha', configuration: 1B}
- {table: first-table, row: '2', reason: no record of this model}
- {table: second-table, row: '1', subject: 'model:alpha', configuration: 1B}
configs:
- {source: alpha-config, subject: 'model:alpha', configuration: 1B}
""",
    "data/waivers.yaml": """\
waivers:
- source: first-survey
  locator: §3
  issue: coverage/design-without-implementation/design:beta-router/implementation
  reason: The source gives the steps but no code.
- source: first-survey
  locator: §3
  issue: dates/leans-on-later-work/paper:beta/uses=design:alpha-router; first-survey
  reason: The idea is older than its name.
""",
    "taxonomy/first.yaml": """\
source: first-survey
locator: Figure 1
key: first
name: First survey's taxonomy
description: Orders invented works by what they change.
nodes:
- {id: algorithm, label: Algorithm}
- id: algorithm/gating
  label: Gating
  description: Who sends tokens where.
  locator: §2
- {id: algorithm/gating/sparse, label: Sparse}
- {id: system, label: System}
""",
    "taxonomy/second.yaml": """\
source: second-list
key: second
name: The list's headings
description: Headings of the list.
nodes:
- {id: routers, label: Routers}
""",
    "taxonomy/crosswalk.yaml": """\
mappings:
- subject: first:algorithm/gating
  relation: same-as
  object: second:routers
  reason: Both hold routers
""",
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
    """A tree of one source and many papers with one claim and one relation each."""
    small_tree(folder, dict.fromkeys(FILES))
    for name in ("sources/first-survey", "sources/second-list"):
        (folder / f"data/{name}.yaml").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"data/{name}.yaml").write_text(FILES[f"data/{name}.yaml"], encoding="utf-8")
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


#: What the model `alpha` must say beside its `vocab_size` for its size to be computed.
SIZED = "    vocab_size: 1000\n    tied_embeddings: false\n    norm: rms\n"

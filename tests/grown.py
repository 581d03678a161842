"""The real records with what a contributor adds: one of every kind, a taxonomy node, claims about what is there."""

import shutil
from pathlib import Path

from trees import RECORDS, edit

#: The files that are added, by path.
ADDED = {
    "data/sources/invented-sheet.yaml": """\
key: invented-sheet
name: Invented sheet
title: Sheets and notes on invented networks
type: page
url: https://example.org/sheet
accessed: 2026-01
""",
    "data/sources/invented-config.yaml": """\
key: invented-config
name: Invented, config.json
title: config.json of Invented
type: config
url: https://example.org/config.json
accessed: 2026-01
""",
    "data/sources/invented-report.yaml": """\
key: invented-report
name: Invented report
title: Sharing what nobody shares
type: paper
paper: invented-growth
""",
    "data/papers/2026/invented-growth.yaml": """\
key: invented-growth
name: Invented Growth
title: 'Growth: Sharing What Nobody Shares'
authors: [Ada Invented, Bo Writer]
year: 2026
date: '2026-01-15'
ids: {arxiv: '2601.00001'}
links: {paper: 'https://arxiv.org/abs/2601.00001'}
summary:
  text: Lets networks that grow keep the parts that others have learnt.
  cites:
  - {source: invented-report, locator: §2}
relations:
- {source: invented-report, locator: §2, kind: extends, to: 'paper:gshard'}
placements:
- source: invented-report
  locator: §2
  taxonomy: survey-a
  node: algorithm/invented-branch
  status: derived
- source: invented-report
  locator: §2
  taxonomy: survey-a
  node: algorithm/gating-function/sparse
  status: derived
provenance:
- source: invented-sheet
  locator: row 1
  fields: [name, title, authors, year, date, ids, links]
""",
    "data/papers/2026/invented-note.yaml": """\
key: invented-note
name: Invented Note
title: A note on nothing at all
year: 2026
placements:
- {source: invented-sheet, taxonomy: survey-a, node: algorithm/gating-function}
provenance:
- source: invented-sheet
  fields: [name, title, year]
""",
    "data/designs/gating/invented-router.yaml": """\
key: invented-router
name: Invented router
component: gating
year: 2026
properties:
  chooser: {source: invented-report, locator: §3, value: token}
  experts_per_token: {source: invented-report, locator: §3, value: one}
algorithm:
  source: invented-report
  locator: §3
  steps: [Score every part., Keep the best one.]
usages:
- source: invented-report
  locator: §3
  by: paper:invented-growth
  role: introduces
summary:
  text: A token keeps whichever part of the network has grown most.
  cites:
  - {source: invented-report, locator: §3}
provenance:
- source: invented-report
  locator: §3
  fields: [name, year]
""",
    "data/models/invented.yaml": """\
key: invented
name: Invented
organisation: Nobody
released: 2026-01
openness: open
papers: [invented-growth]
configurations:
- label: 5B
  architecture:
    source: invented-config
    locator: config.json
    status: derived
    d_model: 1024
    vocab_size: 32000
    tied_embeddings: false
    context_length: 4096
    norm: rms
    decoder:
      groups:
      - repeat: 12
        sublayers:
        - {kind: attention, n_heads: 16, n_kv_heads: 4, d_head: 64}
        - kind: moe
          n_routed_experts: 32
          experts_per_token: 2
          d_expert: 4096
          activation: swiglu
          router: {design: invented-router, score: softmax}
claims:
- source: invented-report
  locator: Table 1
  field: params_total
  value: 4900000000
  configuration: 5B
  printed: 4.9B
  unit: parameters
- source: invented-report
  locator: Table 2
  field: mmlu
  value: 61.5
  configuration: 5B
  printed: '61.5'
  unit: percent
  setting: 5-shot
provenance:
- source: invented-sheet
  locator: row 2
  fields: [name, organisation, released, openness, papers]
""",
    "data/systems/invented-server.yaml": """\
key: invented-server
name: Invented server
organisation: Nobody
repository: https://example.org/server
papers: [invented-growth]
provenance:
- source: invented-sheet
  locator: row 3
  fields: [name, organisation, repository, papers]
""",
    "data/accelerators/invented-chip.yaml": """\
key: invented-chip
name: Invented chip
organisation: Nobody
released: 2026-01
peaks:
- {source: invented-sheet, locator: row 4, printed: 125 PFLOPS, precision: fp16}
memory: {source: invented-sheet, printed: 44 GB}
provenance:
- source: invented-sheet
  locator: row 4
  fields: [name, organisation, released]
""",
    "data/tables/invented-table.yaml": """\
key: invented-table
name: Invented table
title: Sizes of networks that grow
source: invented-report
locator: Table 1
about: model
columns:
- name: params_total
  type: count
  field: params_total
  unit: parameters
  description: All parameters
rows:
- row: '1'
  label: Invented 5B
  cells: {params_total: 4.9B}
""",
}
NODE = """\
- id: algorithm/invented-branch
  label: Invented Branch
  description: What a later edition of the survey might add.
  locator: §9
"""
ROW = "- {table: invented-table, row: '1', subject: 'model:invented', configuration: 5B}\n"
CLAIM = """\
- source: invented-report
  locator: Table 3
  field: context_length
  value: 2048
  configuration: 8B
"""


def grown(folder: Path) -> Path:
    """A copy of the real records in `folder`, grown."""
    for top in ("data", "taxonomy"):
        shutil.copytree(RECORDS / top, folder / top)
    for path, text in ADDED.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    with (folder / "taxonomy/survey-a.yaml").open("a", encoding="utf-8") as taxonomy:
        taxonomy.write(NODE)
    edit(folder, "data/alignment.yaml", "\nconfigs:\n", f"\n{ROW}configs:\n")
    edit(folder, "data/models/jetmoe.yaml", "\nclaims:\n", f"\nclaims:\n{CLAIM}")
    return folder

"""Accelerators in the database: a row a device, a claim a figure, found and shown like every record."""

from typing import get_args

from databases import sql_rows
from trees import edit

from moe_kb.cli.show import as_text
from moe_kb.kb import open_kb
from moe_kb.records import Precision

DEVICE = "data/accelerators/zeta.yaml"


def test_devices_are_rows_in_whole_units(kb):
    (row,) = sql_rows(kb, "SELECT * FROM accelerators")
    named = {"key": "zeta", "record": "accelerator:zeta", "name": "Zeta 9000", "organisation": "Example Lab"}
    memory = {"memory_capacity": 80 * 10**9, "memory_bandwidth": 2 * 10**12}
    link = {"bandwidth": 600 * 10**9, "direction": "both-ways", "one_way": 300 * 10**9, "link": "ZetaLink"}
    peaks = {"peak_fp32_vector": 19_500_000_000_000, "peak_bf16": 300 * 10**12, "peak_fp8": 600 * 10**12}
    assert {name: value for name, value in row.items() if value is not None} == {
        **(named | {"released": "2020-05"} | memory | peaks),
        **{f"interconnect_{name}": value for name, value in link.items()},
    }


def test_every_possible_peak_has_a_column(kb):
    columns = {row["name"] for row in sql_rows(kb, "SELECT name FROM pragma_table_info('accelerators')")}
    matrix = {f"peak_{precision}" for precision in get_args(Precision)}
    vector = {f"peak_{precision}_vector" for precision in ("fp32", "fp16", "bf16")}
    assert {column for column in columns if column.startswith("peak_")} == matrix | vector


def test_datasheet_values_are_claims_with_sources(kb):
    claims = {claim.field: claim for claim in kb.claims("accelerator:zeta") if claim.unit and claim.preferred}
    assert {name: (claim.value, claim.unit, claim.source) for name, claim in claims.items()} == {
        "peak_fp32_vector": (19_500_000_000_000, "operations/s", "first-survey"),
        "peak_bf16": (300 * 10**12, "operations/s", "first-survey"),
        "peak_fp8": (600 * 10**12, "operations/s", "second-list"),
        "memory_capacity": (80 * 10**9, "bytes", "first-survey"),
        "memory_bandwidth": (2 * 10**12, "bytes/s", "first-survey"),
        "interconnect_bandwidth": (600 * 10**9, "bytes/s", "second-list"),
    }
    assert (claims["peak_fp8"].status, claims["peak_fp8"].note) == ("derived", "half of the figure with sparsity")
    assert claims["interconnect_bandwidth"].scope == "both-ways"


def test_rounded_values_agree_with_exact_ones(kb, tree, tmp_path):
    assert kb.audit("accelerator:zeta") == []  # 2 TB/s and 2039 GB/s
    edit(tree, DEVICE, "value: 2039000000000\n  printed: 2039 GB/s", "value: 3350000000000\n  printed: 3.35 TB/s")
    (dispute,) = open_kb(tree, database=tmp_path / "other.db").disagreements("accelerator:zeta")
    assert (dispute.field, dispute.resolved) == ("memory_bandwidth", False)


def test_devices_show_each_unit_once(kb):
    text = as_text(kb, "accelerator:zeta")
    assert "Zeta 9000 (2020)   accelerator:zeta" in text
    assert "memory_bandwidth: 2 TB/s  [first-survey, Table 3]" in text
    assert "peak_fp8: 600000000000000 operations/s  [second-list], derived" in text
    assert kb.accelerator("zeta").memory.printed == "80 GB"

"""The rows of a deployment: what page, command and export show alike."""

from dataclasses import replace
from fractions import Fraction

import pytest
from small import ATTENTION, DENSE, MOE, architecture

from moe_kb.analysis.deployments import answers, deployment_rows, quantities, storage_text
from moe_kb.charts import sizing as charts
from moe_kb.sizing import Device, Setting
from moe_kb.sizing.deployment import Plan
from moe_kb.sizing.what_if import sized

TINY = Device("tiny", "Tiny <b>9", "bf16", peak=10**9, bandwidth=10**6, memory=60_000, link=10**5)
SETTING = Setting(context=16, batch=2)
MANY = sized(architecture(ATTENTION, MOE, repeat=9), SETTING, key="a", label="A <i>")
FEW = sized(architecture(ATTENTION, DENSE), SETTING, key="b", label="B")
HUGE = sized(architecture(ATTENTION, repeat=5000), SETTING, key="c", label="C")


def table(plan, *shown, device=TINY):
    found = answers(shown, device, plan)
    return {row["Quantity"]: row for row in deployment_rows(found, quantities(16, 2, plan))}


def test_every_number_has_a_meaning():
    for plan in (Plan(), Plan(price=2.0)):
        asked = quantities(16, 2, plan)
        assert all(quantity.help.endswith((".", "peaks.")) for quantity in asked)
        assert len({quantity.name for quantity in asked}) == len(asked)
        assert [quantity.short for quantity in asked if quantity.short][:2] == ["Devices", "Largest batch"]
        assert any("Price" in quantity.name for quantity in asked) == (plan.price is not None)


def test_a_column_is_a_configuration():
    rows = table(Plan(price=2.0), MANY, FEW)
    assert list(rows["Devices"]) == ["Quantity", "A <i>", "B"]
    assert rows["Devices"]["B"] == "1 × Tiny <b>9"
    assert rows["Reserve on a device"]["A <i>"] == "6 kB"
    assert rows["Tokens/s per user, batch 2"]["B"].startswith("≤ ")
    assert rows["Time to first token, 2,048-token prompt"]["B"].startswith("≥ ")
    assert rows["Weight format"]["B"] == ("bf16; assumed: the type of the weights is not reported, so bf16 is assumed")
    assert all(cell for row in rows.values() for cell in row.values() if row["Quantity"] != "Remarks")


def test_what_nothing_serves_says_why():
    rows = table(Plan(), FEW, HUGE)
    assert rows["Devices"]["C"].startswith("up to 512 Tiny <b>9 do not hold a batch of 2")
    assert rows["Weights"]["C"] == ""
    assert rows["Weights"]["B"]


def test_nodes_are_named_where_there_are_several():
    device = replace(TINY, memory=22_000)
    rows = table(Plan(node=2, reserve=Fraction(0)), MANY, device=device)
    assert rows["Devices"]["A <i>"].endswith("nodes")


def test_storage_says_what_stays():
    fp8 = {"weight_type": "fp", "weight_bits": 8, "modules": ["experts"]}
    checkpoint = {"dtype": "fp16", "method": "fp8", "formats": [fp8]}
    built = architecture(ATTENTION, MOE, checkpoint=checkpoint)
    assert storage_text(sized(built, SETTING, key="d", label="D")) == (
        "fp8, one scale a matrix; embedding, head, queries, keys and values, attention output, router, norms and "
        "vectors in fp16"
    )


def test_bars_add_up_to_the_memory():
    found = answers([MANY, FEW, HUGE], TINY, Plan())
    figure = charts.deployment(found)
    assert [bar.name for bar in figure.data] == ["weights", "left for KV cache", "reserve"]
    for place in range(2):
        assert sum(bar.x[place] for bar in figure.data) == pytest.approx(60_000 / 1e9)
    assert "<i>" not in figure.data[0].y[0]
    assert charts.deployment([]).layout.barmode == "stack"


def test_each_arithmetic_has_its_roof():
    peaks = {"bf16": 10**9, "fp8": 2 * 10**9}
    device = replace(TINY, peaks=peaks)
    eight = {"method": "fp8", "formats": [{"weight_type": "fp", "weight_bits": 8, "modules": ["experts"]}]}
    quick = sized(architecture(ATTENTION, MOE, repeat=9, checkpoint=eight), SETTING, key="e", label="E")
    figure = charts.roofline([FEW, quick], device)
    told = [note.text for note in figure.layout.annotations]
    assert any("in bf16" in text for text in told)
    assert any("in fp8" in text for text in told)

"""Sizes against hyperparameters: sheets as tables print them, and layers as records describe them."""

from dataclasses import replace

import pytest
from trees import SIZED

from moe_kb import yamlio
from moe_kb.audit.changes import changed, with_layers
from moe_kb.audit.datasheet import Range, Sheet, sheet_of
from moe_kb.audit.sizes import check_configuration, check_sheet
from moe_kb.claims.claim import Claim
from moe_kb.records import Architecture, Configuration
from moe_kb.sizing.parameters import count

VOCABULARY = Range(32_000, 256_000)
#: Two matrices of 1024 x 4096 an expert, 64 experts in each of 24 layers: 12.9 billion parameters in experts.
SHEET = Sheet(
    **{"d_model": 1024, "n_layers": 24, "n_experts": 64, "d_expert": 4096, "experts_per_token": 2, "n_heads": 16},
    **{"d_head": 64, "matrices": 2, "moe_placement": "1"},
)


def claim(field: str, value: float, printed: str | None = None) -> Claim:
    return Claim("model:m", "model:m", "1B", field, value, "survey", printed=printed)


TOTAL, ACTIVE = claim("params_total", 13e9, "13B"), claim("params_active", 5e8, "0.5B")


def test_sizes_that_follow_are_no_issue():
    assert check_sheet(SHEET, [TOTAL, ACTIVE], VOCABULARY) == []


@pytest.mark.parametrize(("change", "explanation"), [
    ({"n_layers": 12}, "n_layers 24, not 12"), ({"n_layers": 48}, "n_layers 24, not 48"),
    ({"d_model": 512}, "d_model 1024, not 512"), ({"d_expert": 2048}, "d_expert 4096, not 2048"),
    ({"n_experts": 32}, "n_experts 64, not 32"), ({"matrices": 3}, "2 matrices an expert, not 3"),
    ({"moe_placement": "1/2"}, "experts in every layer"), ({"moe_placement": "1/4"}, "experts in every layer"),
    ({"d_expert": 4096 * 64}, "d_expert 4096, 262144 divided among the experts"),
    ({"d_expert": 1024, "d_ffn": 4096}, "d_expert as d_ffn, 4096"), ({"n_experts": 56}, "8 shared experts on top"),
    ({"n_shared_experts": 32, "counting": "excl-shared"}, "shared experts within the count"),
])  # fmt: skip
def test_one_wrong_field_is_found_and_named(change, explanation):
    claims = [claim("params_total", 13e9, "13.0B")] if "n_experts" not in change else [TOTAL]
    if change.get("n_experts") == 56 or "n_shared_experts" in change:
        claims = [claim("params_total", 13.05e9, "13.05B")]
    (misfit,) = check_sheet(replace(SHEET, **change), claims, VOCABULARY)
    assert explanation in misfit.explanations
    assert misfit.message.startswith(f"claimed {claims[0].printed} [survey], the hyperparameters make ")
    assert explanation in misfit.message or len(misfit.explanations) > 3


def test_an_active_size_alone_can_be_wrong():
    (misfit,) = check_sheet(replace(SHEET, experts_per_token=16), [TOTAL, ACTIVE], VOCABULARY)
    assert misfit.claim.field == "params_active"
    assert misfit.computed.low > 5e8


def test_sizes_that_fit_only_different_readings_are_found():
    unsaid = replace(SHEET, matrices=None)
    total, active = claim("params_total", 13e9, "13.0B"), claim("params_active", 1.2e9, "1.2B")
    assert check_sheet(unsaid, [total], VOCABULARY) == [], "with two matrices"
    assert check_sheet(unsaid, [active], VOCABULARY) == [], "with three"
    assert check_sheet(unsaid, [total, active], VOCABULARY) != []


@pytest.mark.parametrize("field", ["matrices", "moe_placement", "n_heads", "d_head", "d_ffn", "experts_per_token"])
def test_what_is_unsaid_only_widens_what_is_allowed(field):
    assert check_sheet(replace(SHEET, **{field: None}), [TOTAL], VOCABULARY) == []


@pytest.mark.parametrize(
    ("stated", "unstated"),
    [
        ({"moe_placement": "1"}, {"moe_placement": None}),
        ({"moe_placement": "1/2"}, {"moe_placement": None}),  # every other layer
        ({"n_shared_experts": 16, "counting": "incl-shared"}, {"counting": "unclear"}),
        ({"n_shared_experts": 16, "counting": "excl-shared"}, {"counting": "unclear"}),
    ],
)
def test_what_is_unstated_is_read_both_ways(stated, unstated):
    sheet = replace(SHEET, **stated)
    middle = sum(next(iter(sheet.sizes(VOCABULARY))).total) / 2
    assert check_sheet(replace(sheet, **unstated), [claim("params_total", middle)], VOCABULARY) == []


def test_a_sheet_out_of_claims():
    claims = {
        field: [claim(field, value)]
        for field, value in {"d_model": 1024, "n_layers": 24, "d_expert": 4096, "n_shared_experts": 1}.items()
    }
    assert sheet_of(claims) is None
    claims["n_experts_total"] = [
        replace(claim("n_experts_total", 32), setting="10 layers"),
        replace(claim("n_experts_total", 64), setting="2 layers", counting="unclear"),
    ]
    claims["activation"] = [claim("activation", "GEGLU")]  # type: ignore[arg-type]
    sheet = sheet_of(claims)
    assert sheet is not None
    assert sheet.n_experts == pytest.approx(448 / 12)
    assert (sheet.matrices, sheet.counting, sheet.n_shared_experts) == (3, "unclear", 1)


# --- described layers ------------------------------------------------------------------------------------------------

LAYERS = """
source: s
d_model: 512
vocab_size: 1000
tied_embeddings: false
norm: rms
decoder:
  groups:
  - repeat: 2
    sublayers:
    - {kind: attention, n_heads: 8, n_kv_heads: 2, d_head: 64}
    - {kind: dense, d_ffn: 2048, activation: swiglu}
  - repeat: 6
    sublayers:
    - {kind: attention, n_heads: 8, n_kv_heads: 2, d_head: 64}
    - kind: moe
      n_routed_experts: 16
      experts_per_token: 2
      d_expert: 1024
      activation: swiglu
      shared: {count: 2, d_expert: 1024}
"""


@pytest.fixture
def architecture() -> Architecture:
    return Architecture.model_validate(yamlio.parse(LAYERS))


def test_an_exact_size_of_described_layers(architecture):
    size = count(architecture)
    claims = [claim("params_total", size.total), claim("params_active", int(size.active))]
    assert check_configuration(Configuration(label="1B", architecture=architecture), claims) == []
    off = [claim("params_total", size.total + 1)]
    (misfit,) = check_configuration(Configuration(label="1B", architecture=architecture), off)
    assert (misfit.computed, misfit.explanations) == (Range(size.total, size.total), ())
    assert f"make {size.total:,} (+0.0%)" in misfit.message
    assert check_configuration(Configuration(label="1B"), off) == []


def test_single_changes_are_explained_by_their_reverse(architecture):
    size = count(architecture)
    claims = [claim("params_total", size.total), claim("params_active", int(size.active))]
    unseen = set()
    for description, other in changed(architecture):
        found = check_configuration(Configuration(label="1B", architecture=other), claims)
        if not found:
            unseen.add(description)
        elif description.endswith("doubled"):
            assert description.replace("doubled", "halved") in found[0].explanations, description
    assert unseen == {"n_heads and n_kv_heads swapped"}, "the sum of the two is all that the matrices show"


def test_what_layers_omit_is_read_every_way(architecture):
    total = count(architecture).total
    without = architecture.model_copy(update={"vocab_size": None, "tied_embeddings": None, "norm": None})
    configuration = Configuration(label="1B", architecture=without)
    assert check_configuration(configuration, [claim("params_total", total)], Range(1000, 2000)) == []
    assert check_configuration(configuration, [claim("params_total", 3 * total)], Range(1000, 2000)) != []


def test_layers_repeat_a_whole_number_of_times(architecture):
    assert with_layers(architecture, 0.5).decoder.n_layers == 4  # type: ignore[union-attr]
    halved = with_layers(architecture, 0.5)
    assert halved is not None
    assert with_layers(halved, 0.5) is None  # three layers with experts cannot be halved


# --- rules on a tree -------------------------------------------------------------------------------------------------

MODEL = "data/models/alpha.yaml"
ALIGNED = "{table: second-table, row: '1', subject: 'model:alpha', configuration: 1B}"


def test_sizes_of_rows_against_their_hyperparameters(audit):
    """Row 2 of the second table gets hyperparameters that make 13 billion, of a configuration nobody describes."""
    columns = "".join(
        f"- {{name: {name}, type: integer, field: {name}, counting: excl-shared, description: As named}}\n"
        for name in ("n_layers", "n_routed_experts", "d_expert")
    )
    cells = "cells: {params_total: 13B, d_model: '1024', n_layers: '24', n_routed_experts: '64', d_expert: '4096'}"
    second = "data/tables/second-table.yaml"
    edits = [
        (MODEL, "- label: 1B\n", "- label: 13B\n- label: 1B\n"),
        ("data/alignment.yaml", ALIGNED, ALIGNED.replace("1B", "13B")),
        (second, "rows:", columns + "rows:"),
        (second, "cells: {params_total: 1B, d_model: '768'}", cells),
    ]
    assert audit(*edits) == []
    edits[-1] = (second, edits[-1][1], cells.replace("'24'", "'6'"))
    (issue,) = audit(*edits)
    assert issue.id == "sizes/printed-shape/model:alpha#13B/params_total=second-table#1"
    assert "claimed 13B [second-list, README, row 1]" in issue.message


def test_sizes_of_layers_against_an_exact_count(audit):
    count_of = "key: counted\nname: Counted\ntitle: Parameters, counted\ntype: count\n"
    text = "- {{source: counted, field: params_total, value: {}, configuration: 1B, status: derived}}\nprovenance:"
    found = audit(
        (MODEL, "    vocab_size: 1000\n", SIZED),
        (MODEL, "provenance:", text.format(1_200_000_001)),
        data__sources__counted=count_of,
    )
    found = [f for f in found if f.rule == "sizes/described-shape"]
    assert [f.id for f in found] == ["sizes/described-shape/model:alpha#1B/params_total=counted"]
    assert "claimed 1,200,000,001 [counted], the hyperparameters make 63," in found[0].message

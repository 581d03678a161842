"""Every claim that a record makes, on the fabricated tree."""

import pytest
from databases import sql_rows
from trees import edit

from moe_kb.claims.claim import Claim
from moe_kb.claims.expand import expand
from moe_kb.corpus import Corpus
from moe_kb.kb import open_kb
from moe_kb.records import Paper


@pytest.fixture
def claims(tree):
    corpus = Corpus.load(tree)
    return {name: list(expand(record)) for name, record in corpus.records.items()}


def of(claims, field):
    return [(s.value, s.source, s.configuration) for s in claims if s.field == field]


def test_fields_are_claims_of_their_provenance(claims):
    alpha = claims["paper:alpha"]
    assert of(alpha, "year") == [(2021, "first-survey", None)]
    assert of(alpha, "date") == [("2021-03-04", "second-list", None)]
    assert of(alpha, "arxiv") == [("2103.00001", "first-survey", None)]
    assert of(alpha, "code_url") == [("https://example.org/alpha-code", "first-survey", None)]
    assert all(s.status == "reported" for s in alpha)


def test_partial_provenance_states_only_its_part():
    paper = Paper.model_validate(
        {
            **{"key": "a", "name": "A", "title": "T", "year": 2020, "ids": {"arxiv": "2001.00001", "doi": "10.1234/a"}},
            **{"links": {"paper": "https://example.org/a", "code": "https://example.org/b"}},
            "provenance": [{"source": "s", "fields": ["links.paper", "ids.arxiv"]}],
        }
    )
    stated = {claim.field: claim.value for claim in expand(paper)}
    assert stated == {"url": "https://example.org/a", "arxiv": "2001.00001"}


def test_lists_as_text_keep_their_letters():
    assert Claim("model:a", "model:a", None, "aliases", ["Größe", 2], "s").text == '["Größe", 2]'


def test_architectures_give_flat_values_and_counts_are_derived(claims):
    alpha = claims["model:alpha"]
    flat = {s.field: (s.value, s.status, s.counting) for s in alpha if s.configuration == "1B"}
    assert (flat["d_model"], flat["n_layers"]) == ((512, "reported", None), (4, "derived", None))
    assert (flat["n_moe_layers"], flat["n_routed_experts"]) == ((3, "derived", None), (8, "reported", None))
    assert (flat["n_shared_experts"][0], flat["n_experts_total"]) == (1, (9, "derived", "incl-shared"))
    assert flat["n_experts_active"] == (2, "derived", "incl-shared")
    assert flat["router"] == ("alpha-router", "reported", None)
    assert flat["params_total"] == (1_200_000_000, "derived", None)


def test_cells_are_claims_about_their_row(claims):
    first = [s for s in claims["table:first-table"] if s.table_row == "first-table#1"]
    by_field = {s.field: s for s in first if s.field != "mmlu"}
    total = by_field["params_total"]
    assert (total.subject, total.configuration, total.value, total.printed, total.unit) == (
        "table:first-table", "row 1", 1_200_000_000, "1.2B", "parameters",
    )  # fmt: skip
    assert total.locator == "Table 1, row 1"
    expression = by_field["d_ffn"]
    assert (expression.value, expression.status, expression.printed) == (2048, "derived", "4*d_model")
    assert expression.shown == "2048"
    assert by_field["n_experts_total"].counting == "incl-shared"
    assert "experts" not in by_field  # the column makes no claims
    assert [(s.value, s.setting) for s in first if s.field == "mmlu"] == [(45, "5-shot"), (46.5, "0-shot")]


@pytest.mark.parametrize("printed", ["3B-4B", "9" * 499])
def test_cells_without_a_number_stay_text(tree, printed):
    edit(tree, "data/tables/first-table.yaml", "params_total: 3B", f"params_total: '{printed}'")
    claims = list(expand(Corpus.load(tree).records["table:first-table"]))
    assert (printed, "first-survey", "row 2") in of(claims, "params_total")
    assert [claim.number for claim in claims if claim.field == "params_total"] == [1_200_000_000, None]


def test_rows_flow_to_their_model_through_the_alignment(kb):
    widths = {(c.source, c.value, c.preferred) for c in kb.claims("model:alpha", configuration="1B", field="d_model")}
    assert widths == {("alpha-config", 512, True), ("first-survey", 512, False), ("second-list", 768, False)}
    (row,) = [c for c in kb.claims("model:alpha", field="d_model") if c.source == "first-survey"]
    assert (row.record, row.table_row) == ("table:first-table", "first-table#1")


def test_unaligned_rows_are_claims_about_themselves(kb):
    rows = sql_rows(
        kb, "SELECT subject, configuration FROM claims WHERE table_row = 'first-table#2' AND field = 'params_total'"
    )
    assert rows == [{"subject": "table:first-table", "configuration": "row 2"}]


def test_disagreements_are_listed_with_the_claims_concerned(kb):
    found = {(d.configuration, d.field): d for d in kb.disagreements("model:alpha")}
    width = found["1B", "d_model"]
    assert [c.value for c in width.claims] == [512, 512, 768]
    assert (width.kind, width.resolved) == ("values", False)
    assert set(found) == {("1B", "d_model")}  # "1B" may be 1.2 billion, cut


def test_a_resolution_closes_a_disagreement(tree, database):
    resolution = "{source: first-survey, field: d_model, configuration: 1B, prefer: second-list, reason: misprint}"
    edit(tree, "data/models/alpha.yaml", "provenance:", f"resolutions:\n- {resolution}\nprovenance:")
    kb = open_kb(tree, database=database)
    (width,) = [disagreement for disagreement in kb.disagreements("model:alpha") if disagreement.field == "d_model"]
    assert width.resolved
    assert width.reason == "misprint (first-survey)"
    assert kb.value("model:alpha", "d_model", configuration="1B").value == 768
    assert "d_model" not in {d.field for d in kb.disagreements("model:alpha", resolved=False)}

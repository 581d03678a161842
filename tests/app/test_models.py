"""The page of all models, and the page of one."""

import pytest
from trees import BARE, remove_model, size_alpha

RESOLUTION = """\
resolutions:
- source: alpha-config
  field: d_model
  configuration: 1B
  prefer: alpha-config
  reason: The file is what was trained.
"""


def table(at, key_column: str):
    return next(frame.value for frame in at.dataframe if key_column in frame.value.columns)


def test_the_table_shows_every_configuration_with_its_values(open_page):
    at = open_page("models")
    frame = table(at, "configuration")
    assert (list(frame["name"]), frame["d_model"].iloc[0]) == (["Alpha"], 512)
    assert frame["organisation"].iloc[0] == "Example Lab"


def test_a_search_that_finds_nothing_says_what_to_do(open_page, texts):
    at = open_page("models")
    at.text_input(key="in-q").set_value("no such model").run()
    assert "Remove a filter" in texts(at)
    at.text_input(key="in-q").set_value("alpha").run()
    assert len(table(at, "configuration")) == 1


def test_axes_without_common_values_say_so(open_page, texts):
    at = open_page("models")
    assert "No configuration here has both values" in texts(at), "no source gives active parameters"
    at.selectbox(key="in-y").set_value("d_model").run()
    assert "1 of 1 configurations have both values" in texts(at)


@pytest.mark.parametrize("measure", ["n_layers", "year", "n_shared_experts"])
@pytest.mark.parametrize("colour", ["none", "openness", "year", "router"])
def test_any_field_against_any(open_page, measure, colour):
    at = open_page("models")
    at.selectbox(key="in-x").set_value(measure)
    at.selectbox(key="in-y").set_value("n_heads")
    at.selectbox(key="in-size").set_value("d_ffn")
    at.selectbox(key="in-colour").set_value(colour).run()
    assert len(at.get("plotly_chart")) == 1


def test_an_empty_knowledge_base_says_so(open_page, texts, tree):
    remove_model(tree)
    assert "No configurations yet" in texts(open_page("models"))


# --- one model ---------------------------------------------------------------------------------------------------


def test_a_model_shows_values_with_unit_precision_and_source(open_page):
    frame = table(open_page("model", key="alpha"), "precision").set_index("field")
    total = frame.loc["Total parameters"]
    assert (total["value"], total["unit"], total["precision"]) == ("1,200,000,000", "parameters", "exact")
    assert (total["source"], total["more"]) == ("Alpha config", "+2")


def test_layers_that_leave_something_unsaid_are_not_sized(open_page, texts):
    said = texts(open_page("model", key="alpha")).replace("\\", "")
    assert "Its size cannot be computed: tied_embeddings is not given; norm is not given." in said


def test_what_its_layers_come_to_stands_beside_the_claim_and_leads_to_its_size(open_page, tree):
    size_alpha(tree)
    at = open_page("model", key="alpha")
    computed = next(table.value for table in at.table if "Computed" in table.value.columns)
    assert computed["Claimed"].iloc[0].split("; ") == ["1,200,000,000", "1.2B", "1B"]
    assert any("models=alpha" in str(link.proto) for link in at.get("page_link"))


def test_a_disagreement_is_marked_where_the_value_stands_with_both_values(open_page, texts):
    at = open_page("model", key="alpha")
    assert (
        "512 (alpha-config) ≠ 512 (first-survey) ≠ 768 (second-list)"
        in (table(at, "precision").set_index("field").loc["Model width", "differs"])
    )
    assert "open" in texts(at)


def test_a_resolving_note_is_shown(open_page, texts, tree):
    path = tree / "data/models/alpha.yaml"
    path.write_text(path.read_text().replace("provenance:", RESOLUTION + "provenance:"))
    at = open_page("model", key="alpha")
    assert table(at, "precision").set_index("field").loc["Model width", "differs"].endswith("resolved")
    assert "The file is what was trained" in texts(at).replace("\\", "")


def test_every_claim_is_one_click_away(open_page):
    at = open_page("model", key="alpha")
    assert "Every claim" in [expander.label for expander in at.expander]
    layers = table(at, "sublayer")
    assert {"n_routed_experts", "shared.count", "router.design"} <= set(layers["setting"])


def test_scores_show_their_setting(open_page):
    frame = table(open_page("model", key="alpha"), "benchmark")
    assert sorted(zip(frame["score"], frame["setting"], strict=True)) == [(45.0, "5-shot"), (46.5, "0-shot")]


def test_a_model_of_which_little_is_known_and_hostile_text(open_page, texts, tree):
    (tree / "data/models/beta.yaml").write_text(BARE.replace("- {label: small}", "- {label: small}\n- {label: large}"))
    at = open_page("model", key="beta")
    said = texts(at)
    assert "The layers of this configuration are not reported" in said
    assert "<script>" not in said
    assert r"\[Lab\](" in said, "brackets are text, not a link"


@pytest.mark.integration
def test_every_real_model_has_a_page(open_page, monkeypatch, real_kb, tmp_path):
    """Every shape of record there is: hybrids, encoders, latent experts, tables only."""
    at = open_page("model", key="alpha")
    monkeypatch.setenv("MOE_KB_ROOT", str(real_kb.root))
    for key in ("deepseek-v3", "jamba", "switch-transformer", "nemotron-3", "longcat-flash", "deepspeed-moe", "gshard"):
        at.query_params["key"] = key
        at.run(timeout=60)
        assert at.title[0].value.replace("\\", "") == real_kb.model(key).name

"""The page of all models, and the page of one."""

import json
from pathlib import Path

import pytest
from shown import tables
from trees import BARE, edit, remove_model, size_alpha

RESOLUTION = """\
resolutions:
- source: alpha-config
  field: d_model
  configuration: 1B
  prefer: alpha-config
  reason: The file is what was trained.
"""


def table(at, key_column: str):
    return next(frame for frame in tables(at) if key_column in frame.columns)


def test_the_table_shows_every_configuration_with_its_values(open_page):
    at = open_page("models")
    frame = table(at, "d_model")
    assert (list(frame["name"]), frame["d_model"].iloc[0]) == (["Alpha 1B"], 512)
    assert frame["organisation"].iloc[0] == "Example Lab"


def test_a_search_that_finds_nothing_says_what_to_do(open_page, texts):
    at = open_page("models")
    at.text_input(key="in-q").set_value("no such model").run()
    assert "Remove a filter" in texts(at)
    at.text_input(key="in-q").set_value("alpha").run()
    assert len(table(at, "d_model")) == 1


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
    assert {"Routed experts", "Shared experts: number", "Router: design"} <= set(layers["setting"])


def test_what_people_look_for_first_has_its_source_or_is_asked_for(open_page, texts, monkeypatch):
    said = texts(open_page("model", key="alpha")).replace("\\", "")
    assert "**Openness** open :gray[([First survey](https://example.org/first), Table 1, row 1)]" in said
    for title in ("Licence", "Weights and code", "Summary"):
        assert f"**{title}** unknown: add it to data/models/alpha.yaml" in said
    assert "**Report**" not in said, "a paper describes it"
    monkeypatch.setenv("MOE_KB_REPOSITORY", "https://example.org/owner/name")
    said = texts(open_page("model", key="alpha")).replace("\\", "")
    assert "**Licence** unknown: [add it](https://example.org/owner/name/edit/main/data/models/alpha.yaml)" in said


CLAIMS = """\
- {source: second-list, locator: row 9, field: licence, value: Apache-2.0}
- {source: second-list, locator: row 9, field: repository, value: 'https://example.org/alpha'}
- {source: second-list, locator: row 9, field: supported_context, configuration: 1B, value: 1024, unit: tokens}
"""


def test_stated_terms_and_both_contexts_are_shown(open_page, texts, sizable):
    edit(sizable, "data/models/alpha.yaml", "claims:\n", "claims:\n" + CLAIMS)
    at = open_page("model", key="alpha")
    said = texts(at).replace("\\", "")
    assert "**Licence** Apache-2.0 :gray[([Second list](https://example.org/second), row 9)]" in said
    assert "](https://example.org/alpha)" in said
    assert {"Positions in the configuration": "2,048", "Supported context": "1,024"}.items() <= {
        metric.label: metric.value for metric in at.metric
    }.items()


# --- several models ----------------------------------------------------------------------------------------------


def copies(tree: Path, number: int) -> list[str]:
    """Write so many further models, each of another width."""
    text = (tree / "data/models/alpha.yaml").read_text()
    names = [f"copy-{n}" for n in range(number)]
    for n, name in enumerate(names):
        changed = text.replace("key: alpha\nname: Alpha", f"key: {name}\nname: Copy {n}").replace(
            "512", str(512 + 64 * n)
        )
        (tree / f"data/models/{name}.yaml").write_text(changed)
    return names


@pytest.mark.parametrize("kind", ["model", "design", "nonsense"])
@pytest.mark.parametrize("number", [0, 1, 2, 6, 7, 20])
def test_no_number_of_keys_breaks_the_comparison(open_page, texts, tree, kind, number):
    if kind == "model":
        keys = [f"{name}|1B" for name in copies(tree, number)]
    else:
        text = (tree / "data/designs/gating/alpha-router.yaml").read_text()
        keys = [f"copy-{n}" for n in range(number)]
        for n, key in enumerate(keys):
            changed = text.replace("key: alpha-router", f"key: {key}").replace("name: Alpha router", f"name: Copy {n}")
            (tree / f"data/designs/gating/{key}.yaml").write_text(changed)
    at = open_page("compare", kind=kind, keys=",".join(keys))
    said = texts(at).replace("\\", "")
    assert len(at.multiselect(key="compared").value) == min(number, 6)
    assert ("At most 6 are compared; left out: copy-6" in said) == (number > 6)
    assert len(at.table) == (number >= 2)


def test_models_are_compared_with_pictures_and_sources(open_page, texts, sizable):
    copies(sizable, 2)
    at = open_page("compare", kind="model", keys="alpha,copy-1|1B", sources="yes")
    told = [json.loads(element.proto.json) for element in at.get("bidi_component")]
    (shown,) = (data["items"] for data in told if "items" in data)
    assert len(shown) == 2
    assert 'class="lit">width 512<' in shown[0]["svg"]
    table = at.table[0].value.map(lambda text: text.replace("\\", "")).set_index("Property")
    assert table.loc["KV cache per token", "Alpha 1B"].startswith("**8.19 kB**")
    assert "computed from its layers" in table.loc["KV cache per token", "Copy 1 1B"]
    assert "[First survey]" in table.loc["Openness", "Alpha 1B"]
    assert table.loc["Router", "Alpha 1B"].startswith("**Alpha router**")
    links = [str(link.proto) for link in at.get("page_link")]
    assert any("Size these" in link and "alpha" in link for link in links)
    assert "Vocabulary" not in table.index
    at.toggle(key="in-all").set_value(True).run()
    assert "Vocabulary" in set(at.table[0].value["Property"])


def test_models_without_layers_are_compared_by_their_values(open_page, texts, tree):
    (tree / "data/models/beta.yaml").write_text(BARE)
    said = texts(open_page("compare", kind="model", keys="alpha,beta|small,gamma"))
    assert "The layers of" in said
    assert "No model has the key gamma" in said


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

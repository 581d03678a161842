"""All of the real data: clean, complete, and counted twice.

Every number of `stats` is counted again here from the source files with plain PyYAML, without the package.
"""

import json
import re
from collections import Counter, defaultdict
from dataclasses import asdict
from typing import Any

import pytest
import yaml
from databases import sql_rows
from jsonschema import Draft202012Validator
from trees import RECORDS

from moe_kb.checks import check_corpus, not_canonical
from moe_kb.corpus import Corpus
from moe_kb.jsonschema import schema_text
from moe_kb.sizing import count

pytestmark = pytest.mark.integration

SURVEY_A = {"survey-a", "survey-a-repository"}
GATING = "algorithm/gating-function"


@pytest.fixture(scope="session")
def files() -> dict[str, dict[str, Any]]:
    """Every file of the tree by its path, read with plain PyYAML."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    paths = sorted([*(RECORDS / "data").rglob("*.yaml"), *(RECORDS / "taxonomy").glob("*.yaml")])
    return {
        path.relative_to(RECORDS).as_posix(): yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
        for path in paths
    }


@pytest.fixture(scope="session")
def records(files) -> dict[str, dict[str, dict[str, Any]]]:
    """Kind to key to data."""
    found: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for path, data in files.items():
        top, kind = path.split("/")[:2]
        if top == "data" and path.count("/") > 1:
            found[kind.removesuffix("s")][data["key"]] = data
    return found


@pytest.fixture(scope="session")
def stats(real_kb) -> dict[str, Any]:
    return asdict(real_kb.stats())


def parts(value: Any) -> list[dict[str, Any]]:
    """Every mapping inside a value."""
    if isinstance(value, dict):
        return [value, *(part for item in value.values() for part in parts(item))]
    if isinstance(value, list):
        return [part for item in value for part in parts(item)]
    return []


# --- clean -----------------------------------------------------------------------------------------------------------


def test_the_check_is_clean():
    corpus = Corpus.load(RECORDS)
    assert [str(finding) for finding in check_corpus(corpus)] == []
    assert len(corpus.records) > 700


def test_every_file_is_canonical(files):
    assert [str(finding) for path in files if (finding := not_canonical(RECORDS, path))] == []


def test_files_are_valid_by_an_independent_validator(files):
    kinds = {"papers": "paper", "designs": "design", "models": "model", "systems": "system", "sources": "source"}
    kinds |= {"accelerators": "accelerator"}
    whole = ("alignment", "crosswalk", "glossary", "guide", "organisations", "routes", "short-forms", "waivers")
    kinds |= {f"{name}.yaml": name for name in whole} | {"tables": "table"}
    validators = {kind: Draft202012Validator(json.loads(schema_text(kind))) for kind in {*kinds.values(), "taxonomy"}}
    for path, data in files.items():
        validator = validators[kinds.get(path.split("/")[1], "taxonomy")]
        assert validator.is_valid(data), (path, next(validator.iter_errors(data)).message)


def test_every_source_that_is_cited_exists(files, records):
    cited = {part["source"] for data in files.values() for part in parts(data) if isinstance(part.get("source"), str)}
    assert cited - set(records["source"]) == set()
    assert len(cited) > 90


# --- counted twice ---------------------------------------------------------------------------------------------------


#: Figure 3 of survey A as printed: a fact, so these stay, whatever is added.
_FIGURE_3 = f"""algorithm {GATING} {GATING}/dense {GATING}/sparse {GATING}/sparse/token-choice {GATING}/soft system
{GATING}/sparse/non-trainable-token-choice {GATING}/sparse/expert-choice {GATING}/soft/token-merging application
{GATING}/soft/expert-merging algorithm/experts algorithm/experts/network-types algorithm/experts/network-types/ffn
algorithm/experts/network-types/attention algorithm/experts/network-types/others algorithm/experts/hyperparameters
algorithm/experts/hyperparameters/count algorithm/experts/hyperparameters/size algorithm/experts/shared-expert
algorithm/experts/hyperparameters/frequency algorithm/experts/activation-function algorithm/experts/peft
algorithm/experts/peft/ffn algorithm/experts/peft/attention algorithm/experts/peft/transformer-block system/storage
algorithm/experts/peft/every-layer algorithm/training-inference-scheme algorithm/training-inference-scheme/original
algorithm/training-inference-scheme/dense2sparse algorithm/training-inference-scheme/sparse2dense algorithm/derivatives
algorithm/training-inference-scheme/expert-models-merging system/computation system/communication application/nlp
application/cv application/recsys application/multimodal"""
FIGURE_3 = set(_FIGURE_3.split())


def placements(records, taxonomy: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (key, placement)
        for key, paper in records["paper"].items()
        for placement in paper.get("placements", ())
        if placement["taxonomy"] == taxonomy
    ]


def test_records_by_kind(stats, records):
    assert stats["records"] == {kind: len(found) for kind, found in records.items()}
    components = Counter(design["component"] for design in records["design"].values())
    assert stats["designs_by_component"] == components
    assert components["gating"] >= 45


def test_papers_of_survey_a(stats, records):
    listed = {
        key
        for key, paper in records["paper"].items()
        for seen in paper["provenance"]
        if seen["source"] in SURVEY_A and "title" in seen["fields"]
    }
    assert stats["papers_by_survey"]["survey-a"] == len(listed) == 168


def test_placements_of_figure_3(stats, records):
    placed = placements(records, "survey-a")
    found = stats["taxonomies"]["survey-a"]
    assert found["placements"] == len(placed)
    assert found["papers_placed"] == len({key for key, _ in placed})
    assert found["printed_names"] == sum(len(p.get("printed_as", ())) for _, p in placed)
    printed = [(key, p) for key, p in placed if p["source"] == "survey-a" and "status" not in p]
    assert len(printed) == 206
    assert len({key for key, _ in printed}) == 131
    assert sum(len(p["printed_as"]) for _, p in printed) == 208


def test_nodes_of_figure_3(files):
    ids = {node["id"] for node in files["taxonomy/survey-a.yaml"]["nodes"]}
    assert len(FIGURE_3) == 41
    assert ids >= FIGURE_3


@pytest.mark.parametrize("taxonomy", ["survey-a", "survey-b"])
def test_nodes_and_leaves(stats, files, taxonomy):
    ids = [node["id"] for node in files[f"taxonomy/{taxonomy}.yaml"]["nodes"]]
    inner = {node.rpartition("/")[0] for node in ids}
    found = stats["taxonomies"][taxonomy]
    assert found["nodes"] == len(ids) + 1  # with the nameless root
    assert found["leaves"] == len(set(ids) - inner)


def test_rows_of_the_printed_tables(stats, records, real_kb):
    rows = {"survey-a-table-1": 4, "survey-a-table-2": 36, "survey-a-table-3": 14, "survey-a-table-4": 10}
    timelines = {"survey-a-figure-1": 61, "timeline-2025": 74}
    for table, n_rows in (rows | timelines).items():
        assert stats["table_rows"][table] == len(records["table"][table]["rows"]) == n_rows
    found = sql_rows(real_kb, "SELECT timeline, count(*) AS n FROM timeline GROUP BY 1")
    assert timelines.items() <= {row["timeline"]: row["n"] for row in found}.items()


def test_released_configurations(stats, records):
    released = {key for key, source in records["source"].items() if source["type"] == "config"}
    described = [
        (key, configuration["label"])
        for key, model in records["model"].items()
        for configuration in model.get("configurations", ())
        if configuration.get("architecture", {}).get("source") in released
    ]
    assert stats["released_configurations"] == len(described) >= 51
    assert stats["configurations"] == sum(len(m.get("configurations", ())) for m in records["model"].values())


def test_released_configurations_are_aligned_with_their_models(files, records):
    held = {
        (configuration["architecture"]["source"], f"model:{key}", configuration["label"])
        for key, model in records["model"].items()
        for configuration in model.get("configurations", ())
        if records["source"].get(configuration.get("architecture", {}).get("source"), {}).get("type") == "config"
    }
    aligned = {(row["source"], row["subject"], row["configuration"]) for row in files["data/alignment.yaml"]["configs"]}
    assert aligned <= held
    assert len(aligned) >= 51


def test_papers_of_the_gating_branch_have_designs(stats, records):
    branch = {
        f"paper:{key}"
        for key, p in placements(records, "survey-a")
        if p["node"] == GATING or p["node"].startswith(f"{GATING}/")
    }
    introducing = {
        usage["by"]
        for design in records["design"].values()
        if design["component"] == "gating"
        for usage in design.get("usages", ())
        if usage["role"] in ("introduces", "uses", "modifies")
    }
    assert stats["missing"]["gating_branch_papers_without_design"] == sorted(branch - introducing)
    printed = {f"paper:{key}" for key, p in placements(records, "survey-a") if p["source"] == "survey-a"} & branch
    assert len(printed) > 40
    assert printed - introducing == set()


def test_what_is_missing(stats, records):
    missing = stats["missing"]
    assert missing["papers_without_summary"] == sorted(
        f"paper:{key}" for key, paper in records["paper"].items() if "summary" not in paper
    )
    assert missing["models_without_configuration"] == sorted(
        f"model:{key}" for key, model in records["model"].items() if not model.get("configurations")
    )
    assert missing["designs_without_equation_or_steps"] == sorted(
        f"design:{key}" for key, d in records["design"].items() if not d.get("equations") and not d.get("algorithm")
    )


def test_mappings_and_typed_properties(stats, files, records, real_kb):
    assert stats["mappings"] == len(files["taxonomy/crosswalk.yaml"]["mappings"])
    properties = sum(len(design.get("properties", ())) for design in records["design"].values())
    (count,) = sql_rows(real_kb, "SELECT count(*) AS n FROM design_properties")
    assert count["n"] == properties > 300


# --- claims ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "configuration"), [("mixtral", "8x7B"), ("deepseek-v3", "671B")])
def test_well_known_models_carry_claims_of_three_sources(real_kb, model, configuration):
    sources = {claim.source for claim in real_kb.claims(f"model:{model}", configuration=configuration)}
    assert len(sources) >= 3
    total = real_kb.value(f"model:{model}", "params_total", configuration=configuration)
    assert total.number is not None
    assert total.number > 4e10


def test_disagreements_that_are_closed_say_why(real_kb):
    for item in real_kb.disagreements():
        assert len(item.claims) >= (2 if item.kind == "values" else 1)
        assert (item.reason is not None) == item.resolved


def test_no_two_summaries_share_a_sentence(records):
    seen: dict[tuple[str, ...], str] = {}
    shared = []
    for kind, found in records.items():
        for key, data in found.items():
            words = re.findall(r"\w+", data.get("summary", {}).get("text", "").casefold())
            for start in range(len(words) - 10):
                run = tuple(words[start : start + 11])
                if seen.setdefault(run, f"{kind}:{key}") != f"{kind}:{key}":
                    shared.append((seen[run], f"{kind}:{key}", " ".join(run)))
    assert shared == []


# --- every record through the facade ---------------------------------------------------------------------------------


def test_every_record_loads_with_all_its_page_shows(real_kb, records):
    from moe_kb.cli.show import as_text

    names = {brief.record for brief in real_kb.briefs()}
    assert names == {f"{kind}:{key}" for kind, found in records.items() for key in found}
    for kind, found in records.items():
        for key, data in found.items():
            record = real_kb.get(f"{kind}:{key}")
            assert (record.key, record.name) == (key, data["name"])
    for name in sorted(names)[::60]:
        data = json.loads(real_kb.record_json(name))
        assert data["claims"] or data["edges"] or data["content"]
        text = as_text(real_kb, name)
        assert data["content"]["name"] in text
        assert "\x1b" not in text


def test_papers_are_found_by_name_and_title(real_kb):
    assert "paper:deepseekmoe" in {hit.record for hit in real_kb.search("seekmoe")}
    for brief in real_kb.briefs("paper")[::5]:
        title = real_kb.paper(brief.key).title
        assert brief.record in {hit.record for hit in real_kb.search(brief.name)}, brief.name
        assert brief.record in {hit.record for hit in real_kb.search(title)}, title


@pytest.mark.parametrize(
    "name", ["paper:gshard", "paper:mixtral", "paper:deepseekmoe", "switch-top1-router", "model:deepseek-v3"]
)
def test_related_records_have_reasons(real_kb, name):
    found = real_kb.related(name)
    assert len(found) >= 3
    assert all(item.score > 0 and item.reasons for item in found)


PATHS = {
    "model:deepseek-v3": "paper:gshard",
    "model:mixtral": "switch-top1-router",
    "paper:deepseekmoe": "paper:gshard",
}


@pytest.mark.parametrize(("end", "start"), PATHS.items())
def test_paths_have_a_source_for_every_step(real_kb, start, end):
    steps = real_kb.path(start, end)
    assert 1 <= len(steps) <= 8
    assert all(step.source or step.type == "implements" for step in steps)
    assert all(step.type != "cites" and not step.end.startswith("taxonomy:") for step in steps)


def test_every_paper_can_be_cited(real_kb):
    import bibtexparser

    briefs = real_kb.briefs("paper")
    library = bibtexparser.parse_string(real_kb.cite([brief.record for brief in briefs]))
    assert not library.failed_blocks
    assert len({entry.key for entry in library.entries}) == len(briefs)


def test_views_have_rows_and_columns_descriptions(real_kb):
    from moe_kb.db.views import VIEWS

    for view in VIEWS:
        assert real_kb.query(f"SELECT * FROM {view}").rows, view
    assert sql_rows(real_kb, "SELECT * FROM dictionary WHERE trim(description) = ''") == []


def test_positions_and_supported_context_are_two_fields(real_kb):
    by_label = {row.label: row for row in real_kb.configurations()}
    v3 = by_label["DeepSeek-V3 671B"]
    assert (v3.number("context_length"), v3.number("supported_context")) == (163_840, 128_000)
    assert v3.places["context_length"] != v3.places["supported_context"]


def test_one_organisation_has_one_name(real_kb):
    shown = {row.organisation for row in real_kb.configurations()}
    assert not shown & {"DeepSeek-AI", "MicroSoft", "MiniMax-AI", "MoonshotAI", "Qwen", "inclusionAI (Ant Group)"}
    assert {"DeepSeek", "Microsoft", "MiniMax", "Moonshot AI", "Alibaba", "inclusionAI"} <= shown


def test_flagships_are_sized_as_their_makers_print(real_kb):
    sizable = real_kb.sizable()
    counted = {"gpt-oss|120b": 116_829_156_672, "deepseek-r1|671B": 671_026_404_352, "kimi-k2.6|1T": 1_026_408_209_408}
    assert {name: count(sizable[name].architecture).total for name in counted} == counted

"""The laboratory's page, with real runs in processes of their own."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shown import tables

from moe_kb.lab import Lab, details
from moe_kb.lab.browsing import families
from moe_kb.lab.catalogue import installed_catalogue
from reference_impls.catalogue import find

TINY = {
    "steps": 4, "batch_size": 2, "sequence_length": 32, "d_model": 16, "n_layers": 2, "n_heads": 2, "n_experts": 4,
    "d_expert": 16, "domain_bytes": 20_000, "validation_every": 2, "validation_sequences": 4, "threads": 1,
}  # fmt: skip
LONG = TINY | {"steps": 100_000}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """The laboratory that the page uses; whatever a test leaves running is ended."""
    lab = Lab(tmp_path / "runs")
    yield lab
    for run in lab.runs():
        if run.active:
            lab.cancel(run.id)
            lab.wait(run.id, 30)


def until(at, done: Callable[[], bool], seconds: float = 60):
    """Rerun the page, as its timer does in a browser, until something is true."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.3)
        at.run()
    return at


def links(at) -> list[str]:
    return [link.label for link in at.get("page_link")]


def number(at, name: str, key: str = "switch-top1-router"):
    return at.number_input(key=f"set-{key}-{name}")


def test_the_form_is_made_from_the_config_class(open_page, texts):
    at = open_page("lab", implementation="switch-top1-router")
    assert at.selectbox(key="in-implementation").value == "switch-top1-router"
    elsewhere = {"task", "n_clusters", "cluster_unit"}  # the task is chosen above; these belong to another
    for name, field in find("switch-top1-router").config_class.flat_fields().items():
        key = f"set-switch-top1-router-{name}"
        kinds = ("number_input", "selectbox", "toggle", "text_input")
        found = [widget for kind in kinds for widget in getattr(at, kind) if widget.key == key]
        assert [widget.value for widget in found] == ([] if name in elsewhere else [field.default]), name
    steps = number(at, "steps")
    assert (steps.min, steps.max) == (1, 100_000)
    said = texts(at)
    assert "SwitchTransformersSparseMLP" in said.replace("\\", "")
    assert "causal only where nothing is dropped" not in said
    assert [metric.label for metric in at.metric] == ["Time, about", "Memory, about", "Parameters"]


def test_every_implementation_stands_in_its_family_and_can_be_searched(open_page, texts):
    at = open_page("lab")
    entries = installed_catalogue().entries
    assert sorted(links(at)) == sorted(entry.name for entry in entries)
    assert [h.value.lower() for h in at.header] == families(entries)
    said = texts(at)
    badges = (":orange-badge[partial]", ":violet-badge[not causal]", "[2017]", "text, clusters")
    assert all(badge in said for badge in badges)
    at.text_input(key="in-q").set_value("hash").run()
    assert any("ash" in link for link in links(at))
    assert len(links(at)) < 5
    at.text_input(key="in-q").set_value("no such thing").run()
    assert "No results." in texts(at)
    at.text_input(key="in-q").set_value("").run()
    at.pills(key="in-family").set_value(["soft"]).run()
    assert at.query_params["family"] in ("soft", ["soft"])
    assert len(links(at)) == sum(details(entry).family == "soft" for entry in entries)


def test_from_one_implementation_to_another_and_back_to_all(open_page):
    at = open_page("lab", implementation="switch-top1-router")
    at.selectbox(key="in-implementation").set_value("gshard-top2").run()
    assert at.query_params["implementation"] in ("gshard-top2", ["gshard-top2"])
    at.button(key="all").click().run()
    assert "implementation" not in at.query_params
    assert len(links(at)) == len(installed_catalogue().entries)


def test_another_task_brings_other_defaults_and_keeps_what_was_typed(open_page, texts):
    at = open_page("lab", implementation="switch-top1-router")
    number(at, "steps").set_value(77).run()
    assert "Changed: Steps" in texts(at)
    at.segmented_control(key="in-task").set_value("clusters").run()
    assert at.query_params["task"] in ("clusters", ["clusters"])
    assert number(at, "steps").value == 77, "typed"
    assert number(at, "d_expert").value == 8, "the clustered task's own"
    assert number(at, "n_clusters").value == 8
    assert not [w for w in at.number_input if w.key.endswith("domain_bytes")]
    assert not at.button(key="launch").disabled
    at.segmented_control(key="in-task").set_value("text").run()
    assert (number(at, "steps").value, number(at, "d_expert").value) == (77, 256)
    at.selectbox(key="in-implementation").set_value("mixtral-top2-router").run()
    assert number(at, "steps", "mixtral-top2-router").value == 77, "one budget for both"
    at.selectbox(key="in-implementation").set_value("switch-top1-router").run()
    at.button(key="defaults").click().run()
    assert number(at, "steps").value == 240


def test_settings_in_the_address_outlive_a_reload(open_page):
    at = open_page("lab", implementation="deepseek-v3-router")
    number(at, "n_experts", "deepseek-v3-router").set_value(32).run()
    at.toggle(key="set-deepseek-v3-router-save_checkpoint").set_value(True).run()
    number(at, "learning_rate", "deepseek-v3-router").set_value(0.006).run()
    said = at.query_params["set"]
    assert sorted(said) == ["learning_rate:0.006", "n_experts:32", "save_checkpoint:yes"]
    again = open_page("lab", implementation="deepseek-v3-router", set=said)
    assert number(again, "n_experts", "deepseek-v3-router").value == 32
    assert number(again, "learning_rate", "deepseek-v3-router").value == 0.006
    assert again.toggle(key="set-deepseek-v3-router-save_checkpoint").value
    number(again, "n_experts", "deepseek-v3-router").set_value(16).run()
    assert "n_experts:16" not in again.query_params["set"], "the default is not said"


@pytest.mark.parametrize("said", [
    "steps:x", "steps:0", "steps:99999999999999999999999999999999", "steps", ":", "steps:", "learning_rate:nan",
    "learning_rate:inf", "no_such:1", "save_checkpoint:maybe", "balance_convention:<b>",
])  # fmt: skip
def test_what_an_input_cannot_hold_is_ignored(open_page, said):
    at = open_page("lab", implementation="mixtral-top2-router", set=said)
    assert number(at, "steps", "mixtral-top2-router").value == 240
    assert not at.button(key="launch").disabled


def test_the_evidence_preset_brings_its_settings(open_page, texts):
    at = open_page("lab", implementation="deepseek-v3-router", preset="text-1")
    wanted = {"steps": 300, "d_model": 64, "d_expert": 63, "sequence_length": 128, "threads": 1}
    assert {name: number(at, name, "deepseek-v3-router").value for name in wanted} == wanted
    assert "under these settings" in texts(at)
    at = open_page("lab", implementation="deepseek-v3-router")
    assert "steps 240 (there 300)" in texts(at).replace("\\", "")


@pytest.mark.parametrize(("key", "wrong", "said", "repairs"), [
    ("deepseek-v3-router", {"n_experts": 15}, "Experts = 15 must be a multiple of Groups = 4",
     {"Experts: 12", "Experts: 16", "Groups: 3", "Groups: 5"}),
    ("mixtral-top2-router", {"experts_per_token": 20}, "Experts per token = 20 must be at most Experts = 8",
     {"Experts: 20", "Experts per token: 8"}),
    ("hash-routing", {"vocabulary": 16}, "Vocabulary = 16 must be at least 256", {"Vocabulary: 256"}),
    ("multi-gate-mixture", {"cluster_unit": "token"}, "Cluster unit = 'token' must be 'sequence'", set()),
])  # fmt: skip
def test_a_wrong_setting_is_told_in_labels(open_page, texts, key, wrong, said, repairs):
    task = {"task": "clusters"} if "cluster_unit" in wrong else {}
    at = open_page("lab", implementation=key, set=[f"{name}:{value}" for name, value in wrong.items()], **task)
    told = texts(at).replace("\\", "")
    assert said in told
    assert "Value error" not in told
    assert at.button(key="launch").disabled
    assert at.button(key="launch-below").disabled
    offered = {button.label: button for button in at.button if button.key.startswith("repair-")}
    assert repairs <= offered.keys()
    labels = [widget.label for kind in ("number_input", "selectbox") for widget in getattr(at, kind)]
    marked = [label for label in labels if ":material/error:" in label]
    assert len(marked) == len({label.partition(":")[0] for label in offered})
    offered[min(offered)].click().run()
    assert not at.button(key="launch").disabled


@pytest.mark.parametrize("form", ["bash", "python"])
def test_the_run_as_code_runs(open_page, tmp_path, form):
    at = open_page("lab", implementation="switch-top1-router", set=[f"{name}:{value}" for name, value in TINY.items()])
    (code,) = (block.value for block in at.code if block.language == form)
    place = {"HOME": str(tmp_path), "MOE_KB_LAB": str(tmp_path / "runs"), "PATH": f"{Path(sys.executable).parent}:/bin"}
    command = ["bash", "-c", code] if form == "bash" else [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=place, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "completed" in done.stdout
    assert "bits_per_byte" in done.stdout


def test_what_leaks_and_what_is_missing_is_said(open_page, texts):
    entries = installed_catalogue().entries
    leaky = next(entry for entry in entries if details(entry).causal == "no")
    assert "not causal: later tokens can reach earlier ones" in texts(open_page("lab", implementation=leaky.key))
    partial = next(entry for entry in entries if entry.status == "partial")
    assert "Not reported" in texts(open_page("lab", implementation=partial.key))


@pytest.mark.parametrize("key", ["switch-top1-router", "gshard-top2", "mixtral-top2-router", "deepseek-v3-router"])
def test_each_implementation_has_its_page_with_equations_and_deviations(open_page, key):
    at = open_page("lab", implementation=key)
    page = max((element.value for element in at.markdown), key=len)
    assert page.count("\n$$\n") >= 2
    assert page.count("\n$$\n") % 2 == 0, "every equation is closed"


def test_what_preflight_finds_is_said_before_a_launch(open_page, texts):
    at = open_page("lab", implementation="switch-top1-router")
    at.number_input(key="set-switch-top1-router-d_model").set_value(30).run()
    assert "must be a multiple" in texts(at).replace("\\", "")
    assert at.button(key="launch").disabled
    at.number_input(key="set-switch-top1-router-d_model").set_value(64).run()
    assert not at.button(key="launch").disabled


def test_an_unknown_implementation_in_the_address(open_page, texts):
    assert "There is no implementation" in texts(open_page("lab", implementation="nothing"))


@pytest.mark.parametrize("run_id", ["20261122-112233-abcd", "../../etc", "<b>", "x" * 500])
def test_an_unknown_run_in_the_address(open_page, run_id):
    at = open_page("lab", run=run_id)
    assert len(at.error) == 1


def test_a_run_from_launch_to_deletion(open_page, texts, lab):
    at = open_page("lab", implementation="switch-top1-router")
    for name, value in TINY.items():
        at.number_input(key=f"set-switch-top1-router-{name}").set_value(value)
    at.button(key="launch").click().run()
    (run,) = lab.runs()
    assert at.query_params["run"] in (run.id, [run.id])
    assert run.config["optimiser"]["steps"] == 4

    until(at, lambda: "completed" in texts(at))
    assert {metric.label for metric in at.metric} >= {"Elapsed", "Bits per byte, valid", "Tokens per second"}
    assert next(metric.value for metric in at.metric if metric.label == "Bits per byte, valid") != "–"
    charts = len(at.get("plotly_chart"))
    assert charts in (4, 5), "bits, spread, specialisation, drops where there are any, and the load per expert"
    assert "Estimated" not in {metric.label for metric in at.metric}
    assert any("switch" in link.lower() for link in links(at)), "its design and paper"
    assert "Evidence" in texts(at)
    assert "at step 4" in texts(at)
    assert any("completed after" in code.value for code in at.code), "the end of the log"
    at.multiselect(key="in-curves").set_value(["router_entropy"]).run()
    assert len(at.get("plotly_chart")) == charts + 1
    assert any(c.value.startswith("`router_entropy`") for c in at.caption), "what the page says of it"
    at.multiselect(key="in-curves").set_value([]).run()
    at.segmented_control(key="in-load").set_value(next(iter(lab.curves(run.id).load_history))).run()
    assert "in training." in texts(at)

    again = open_page("lab", run=run.id)
    assert "completed" in texts(again), "a reload, or another tab, finds the run by its address"
    again.button(key="delete").click().run()
    assert lab.runs() == ()


def test_runs_wait_for_their_turn_and_can_be_cancelled(open_page, texts, lab):
    first, second = lab.launch("switch-top1-router", LONG), lab.launch("mixtral-top2-router", LONG)
    at = open_page("lab", run=second.id)
    assert "Number 1 in the queue" in texts(at)
    at.button(key="cancel").click().run()
    assert lab.run(second.id).status == "cancelled"

    at = open_page("lab", run=first.id)
    until(at, lambda: bool(at.get("progress")) and "Step" in str(at.get("progress")[0].proto))
    at.button(key="cancel").click().run()
    until(at, lambda: lab.run(first.id).status == "cancelled")
    at.run()
    assert "cancelled" in texts(at)
    assert not any(button.key == "cancel" for button in at.button)


def test_past_runs_are_listed_and_compared_also_by_an_app_that_was_restarted(open_page, texts, lab, monkeypatch):
    runs = [lab.launch("switch-top1-router", TINY | {"seed": seed}) for seed in (0, 1)]
    for run in runs:
        lab.wait(run.id, 90)
    import streamlit as st

    st.cache_resource.clear()  # what a restart forgets
    at = open_page("lab", view="runs")
    listed = tables(at)[0]
    assert list(listed["name"]) == ["Switch top-1 router · 4 steps · seed 1", "Switch top-1 router · 4 steps · seed 0"]
    assert (list(listed["status"]), list(listed["progress"])) == ([["completed"], ["completed"]], [1.0, 1.0])
    at = open_page("lab", view="runs", tick=",".join(run.id for run in runs))
    assert len(at.get("plotly_chart")) == 1
    assert list(tables(at)[2][""]) == ["Seed"]
    assert "like with like. One budget." in texts(at)
    at.selectbox(key="in-metric").set_value("load_cv").run()
    again = open_page("lab", view="runs", tick=runs[0].id)
    assert len(again.get("plotly_chart")) == 1
    assert list(tables(again)[1]["run"]) == ["Switch top-1 router · 4 steps · seed 0"]


def test_settings_of_a_run_can_be_taken_again(open_page, lab):
    run = lab.launch("mixtral-top2-router", TINY | {"balance_coefficient": 0.5})
    lab.wait(run.id, 90)
    at = open_page("lab", run=run.id)
    next(button for button in at.button if button.label.startswith("Set up another")).click().run()
    assert at.selectbox(key="in-implementation").value == "mixtral-top2-router"
    assert at.number_input(key="set-mixtral-top2-router-balance_coefficient").value == 0.5
    assert at.number_input(key="set-mixtral-top2-router-steps").value == 4


def test_a_run_on_clusters_is_told_by_its_accuracy(open_page, texts, lab):
    run = lab.launch("switch-top1-router", {"task": "clusters", "steps": 20, "validation_every": 10, "threads": 1})
    lab.wait(run.id, 90)
    at = open_page("lab", run=run.id)
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown["Accuracy, valid"].endswith("%")
    assert "Bits per byte, valid" not in shown
    next(button for button in at.button if button.label.startswith("Set up another")).click().run()
    assert (at.segmented_control(key="in-task").value, number(at, "steps").value) == ("clusters", 20)
    assert number(at, "d_expert").value == 8
    at = open_page("lab", view="runs", tick=run.id)
    assert (at.selectbox(key="in-metric").value, len(at.get("plotly_chart"))) == ("accuracy", 1)
    listed = tables(at)[0]
    assert list(listed["task"]) == ["clusters"]
    assert 0 <= listed["accuracy"][0] <= 1
    assert "bits_per_byte" not in listed


def test_designs_are_set_up_under_one_budget(open_page, texts):
    at = open_page("lab", compare="deepseek-v3-router,mixtral-top2,nothing")
    assert at.multiselect(key="lab-compared").value == ["deepseek-v3-router", "mixtral-top2-router"]
    said = texts(at)
    assert "There is no implementation nothing" in said
    assert "like with like. One budget." in said
    plan = tables(at)[0]
    assert list(plan["design"]) == ["DeepSeek-V3 router", "Mixtral router", "Dense control"]
    assert plan["active"].max() <= 1.03 * plan["active"].min()
    assert at.segmented_control(key="in-preset").value == "text-1"
    assert at.button(key="launch-all").label == "Launch all 3"
    at.segmented_control(key="in-preset").set_value("").run()
    at.number_input(key="set-all-steps").set_value(7).run()
    assert at.query_params["set"] in ("steps:7", ["steps:7"])
    at = open_page("lab", compare="switch-top1-router,deepseek-v3-router", preset="", dense="no", set="n_experts:15")
    assert "not like with like" in texts(at) or "must be a multiple" in texts(at)
    assert at.button(key="launch-all").disabled


def test_designs_without_a_common_task(open_page, texts):
    at = open_page("lab", compare="soft-moe-slots,multi-gate-mixture", preset="")
    assert at.segmented_control(key="in-task").value == "clusters"
    assert "No design is chosen." in texts(open_page("lab", view="compare"))


def test_an_unused_lab_has_no_runs(open_page, texts):
    assert "No runs yet" in texts(open_page("lab", view="runs"))


def test_a_home_that_cannot_be_used_is_a_message(open_page, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/runs.db").write_text("this is no database")
    at = open_page("lab")
    assert len(at.error) == 1

"""Comparing designs: what is held equal, that a sitting goes on where another stopped, and what is filed."""

import copy
import math

import pytest

from moe_kb.lab.results import ResultFile
from reference_impls.__main__ import main
from reference_impls.catalogue import entries, find
from reference_impls.evidence import files, report, runs
from reference_impls.evidence.protocol import (
    CONTROLS,
    DENSE_WIDTH,
    PROTOCOLS,
    QUICK,
    TOLERANCE,
    Protocol,
    active_parameters,
    candidate,
)
from reference_impls.tasks.language import TextTask
from reference_impls.tasks.train import TASKS, make_task

TINY = Protocol(
    "tiny-1",
    "text",
    {
        "steps": 4, "batch_size": 2, "sequence_length": 16, "d_model": 16, "n_layers": 1, "moe_every": 1,
        "validation_every": 2, "validation_sequences": 4, "threads": 1, "domain_bytes": 20_000,
    },
    match=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def compared():
    return {one.key: one for one in runs.candidates(PROTOCOLS["text"])}


def test_every_design_of_the_text_task_is_a_candidate(compared):
    assert set(compared) == {entry.key for entry in entries() if "text" in entry.tasks} | set(CONTROLS)


def test_matched_designs_have_the_active_parameters_of_the_dense_control(compared):
    target = active_parameters(compared["control-dense"].entry, compared["control-dense"].config)
    for one in compared.values():
        if one.group == "matched":
            assert abs(active_parameters(one.entry, one.config) / target - 1) <= TOLERANCE
        elif one.group == "unmatched":
            assert one.why == one.entry.beyond or "active parameters" in one.why
    dense = make_task(compared["control-dense"].entry, compared["control-dense"].config, CONTROLS["control-dense"])
    assert dense.model.blocks[0].feed_forward.experts.d_expert == DENSE_WIDTH
    non_embedding = sum(
        p.numel() for n, p in dense.model.named_parameters() if n.split(".")[0] not in ("embedding", "head")
    )
    # The control's config has one expert and so a router of a few weights, which its layers leave out.
    assert non_embedding == target - 4 * compared["control-dense"].config.layer.d_model
    assert compared["mixtral-top2-router"].group == "matched"


def test_all_designs_share_budget_and_data(compared):
    shared = {name: value for name, value in PROTOCOLS["text"].fields.items() if name != "moe_every"}
    for one in compared.values():
        values = one.config.flat()
        assert {name: values[name] for name in shared} == shared


def test_the_quick_comparison_names_twelve_that_exist():
    assert len(set(QUICK)) == 12
    assert {key for key in QUICK if key not in CONTROLS} <= {entry.key for entry in entries()}


@pytest.fixture(scope="module")
def result():
    one = next(c for c in runs.candidates(TINY, ["mixtral-top2-router"]))
    return one, runs.run("text", one.key, one.config.model_dump(mode="json", exclude={"seed"}), 1)


def test_a_run_tells_everything_and_repeats(result):
    one, told = result
    assert told["seed"] == 1
    assert [step for step, _ in told["curve"]] == [2, 4]
    assert told["curve"][-1][1] == round(told["values"]["bits_per_byte"], 4)
    assert set(told["loads"]) == {"layer 0"}
    assert "tokens_per_second" not in told["values"]
    again = runs.run("text", one.key, one.config.model_dump(mode="json", exclude={"seed"}), 1)
    assert again["values"] == told["values"]
    assert (
        runs.run("text", one.key, one.config.model_dump(mode="json", exclude={"seed"}), 2)["values"] != told["values"]
    )


def test_controls_run_without_experts(result):
    for one in runs.candidates(TINY, list(CONTROLS)):
        told = runs.run("text", one.key, one.config.model_dump(mode="json", exclude={"seed"}), 0)
        assert told["values"]["bits_per_byte"] < 9
        assert told["loads"] == {}


def test_a_run_that_fails_says_so(result, monkeypatch):
    one, _ = result
    whole = TextTask.score
    monkeypatch.setattr(TextTask, "score", lambda *given: (whole(*given)[0] * math.nan, whole(*given)[1]))
    told = runs.run("text", one.key, one.config.model_dump(mode="json", exclude={"seed"}), 0)
    assert told["error"].startswith("the loss or its gradient is not finite at step 1")
    assert "values" not in told


def test_what_is_filed_is_what_the_reader_wants_and_is_not_done_again(result, tmp_path):
    one, told = result
    todo = [(c.key, seed) for c, seed in runs.missing(TINY, tmp_path, (0, 1), [one])]
    assert todo == [("mixtral-top2-router", 0), ("mixtral-top2-router", 1)]
    runs.file_run(TINY, tmp_path, one, copy.deepcopy(told))
    content = files.read(files.path_of(tmp_path, "tiny-1", "mixtral-top2-router"))
    read = ResultFile.model_validate(content)
    assert read.runs[0].values["bits_per_byte"] == told["values"]["bits_per_byte"]
    assert read.params.total == one.entry.estimate(one.config).params_total
    assert [(c.key, seed) for c, seed in runs.missing(TINY, tmp_path, (0, 1), [one])] == [("mixtral-top2-router", 0)]
    runs.file_run(TINY, tmp_path, one, copy.deepcopy(told) | {"seed": 0})
    assert runs.missing(TINY, tmp_path, (0, 1), [one]) == []


def test_runs_of_another_config_do_not_count(result, tmp_path):
    one, told = result
    runs.file_run(TINY, tmp_path, one, copy.deepcopy(told))
    path = files.path_of(tmp_path, "tiny-1", "mixtral-top2-router")
    content = files.read(path)
    content["config"]["learning_rate"] = 0.5
    files.write(path, content)
    assert len(runs.missing(TINY, tmp_path, (1,), [one])) == 1
    runs.file_run(TINY, tmp_path, one, copy.deepcopy(told) | {"seed": 3})
    assert [run["seed"] for run in files.read(path)["runs"]] == [3]


def test_the_table_ranks_by_mean_within_groups():
    def row(key: str, scores: list[float], **fields: str) -> dict:
        scored = [{"seed": s, "values": {"bits_per_byte": v}} for s, v in enumerate(scores)]
        return {"implementation": key, "task": "text", "causal": "yes", "group": "matched", "runs": scored} | fields

    shown = report.table(
        [row("b", [3.0, 3.2]), row("a", [2.0, 2.2]), row("later", [1.0], causal="no"),
         row("control-dense", [2.5], group="control"),
         {**row("broken", []), "runs": [{"seed": 0, "error": "not finite"}]}],
        "bits_per_byte", higher_is_better=False,
    )  # fmt: skip
    lines = [line.strip().split("  ")[0] for line in shown.splitlines()]
    assert lines == ["matched:", "a", "b", "not causal:", "later", "control:", "control-dense", "failed:", "broken"]
    assert "2.1000 ± 0.1000  (2 seeds)" in shown


def test_the_command_does_a_run_in_a_process_of_its_own_and_goes_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(PROTOCOLS, "text", TINY)
    arguments = ["bench-designs", "mixtral-top2-router", "--protocol", "text", "--seeds", "1", "--jobs", "1"]
    assert main([*arguments, "--results", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "tiny-1: 1 runs to do" in shown
    assert "[1 of 1] mixtral-top2-router, seed 0: " in shown
    assert main([*arguments, "--results", str(tmp_path)]) == 0
    assert "tiny-1: 0 runs to do" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0"], "--seeds = 0 must be at least 1"),
        (["--jobs", "0"], "--jobs = 0 must be at least 1"),
        (["--protocol", "images"], "--protocol: 'images' is none of text, clusters"),
        (["mixtral"], "no implementation 'mixtral' (mixtral-top2-router"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert main(["bench-designs", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_every_committed_result_is_read_by_the_knowledge_base():
    for path in files.bundled():
        read = ResultFile.model_validate(files.read(path))
        assert path == files.path_of(files.FOLDER, read.protocol, read.implementation)
        assert find(read.implementation) or read.implementation in CONTROLS
        assert read.headline == TASKS[read.task].headline


def test_points_have_no_embedding_to_leave_out():
    entry = find("mixtral-top2-router")
    config = candidate(PROTOCOLS["clusters"], entry, 0).config
    assert active_parameters(entry, config) == entry.estimate(config).params_active > 0

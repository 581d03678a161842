"""`python -m reference_impls run` from outside: exit status, events, and what a person reads."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from reference_impls import launch
from reference_impls.__main__ import main
from reference_impls.catalogue import find

SCHEMA = Path(__file__).parents[2] / "moe_kb" / "lab" / "events.schema.json"


def events_in(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "reference_impls", "run", *map(str, arguments)]


def run_here(capsys, *arguments: object) -> tuple[int, str]:
    """Run in this process, its signal handlers put back afterwards; returns status and standard error."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        status = main(["run", *map(str, arguments)])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status, capsys.readouterr().err


@pytest.fixture
def config_file(tiny, tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(tiny))
    return path


def validate(written: list[dict]) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    for event in written:
        validator.validate(event)


def test_a_run_from_a_config_file_writes_the_events_that_were_agreed(
    entry, config_file: Path, tmp_path: Path, tiny_of, capsys
):
    folder = tmp_path / "run"
    config_file.write_text(json.dumps(tiny_of(entry.key)))
    status, shown = run_here(capsys, entry.key, "--config", config_file, "--run-dir", folder, "--seed", 3)
    assert (status, shown) == (0, "")
    written = events_in(folder)
    validate(written)
    assert written[0]["type"] == "start"
    assert written[-1]["type"] == "end"
    start, end = written[0], written[-1]
    config = entry.config_class(**tiny_of(entry.key, seed=3))
    assert start["config"] == config.model_dump(mode="json")
    estimate = entry.estimate(config)
    assert (start["params_total"], start["params_active"]) == (estimate.params_total, estimate.params_active)
    assert start["versions"].keys() == {"python", "torch", "reference_impls"}
    assert end["status"] == "completed"
    assert end["error"] is None
    *_, last_valid = (event for event in written if event["type"] == "metrics" and event["split"] == "valid")
    assert end["summary"] == last_valid["values"]
    assert [event["t"] for event in written] == sorted(event["t"] for event in written)


def test_the_command_of_a_fresh_process(config_file: Path, tmp_path: Path):
    done = subprocess.run(
        command("mixtral-top2-router", "--config", config_file, "--run-dir", tmp_path / "run"),
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "bits_per_byte" in done.stdout
    assert "completed after" in done.stdout
    validate(events_in(tmp_path / "run"))


def test_sigterm_finishes_the_step_and_says_cancelled(config_file: Path, tmp_path: Path):
    folder = tmp_path / "run"
    with subprocess.Popen(
        command("switch-top1-router", "--config", config_file, "--run-dir", folder, "--steps", 100_000),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            for _ in range(600):
                if (folder / "events.jsonl").exists() and any(e["type"] == "metrics" for e in events_in(folder)):
                    break
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 130
            assert process.stderr.read() == ""
        finally:
            process.kill()
    end = events_in(folder)[-1]
    assert end["type"] == "end"
    assert end["status"] == "cancelled"
    assert end["error"] is None


def test_sigint_does_the_same(config_file: Path, tmp_path: Path, capsys, monkeypatch):
    from reference_impls.tasks import train

    seen: list[int] = []

    def step(trainer, interval):
        seen.append(trainer.step)
        if len(seen) == 3:
            signal.raise_signal(signal.SIGINT)
        return whole(trainer, interval)

    whole = train.Trainer._train_step
    monkeypatch.setattr(train.Trainer, "_train_step", step)
    status, shown = run_here(capsys, "mixtral-top2-router", "--config", config_file, "--run-dir", tmp_path / "run")
    assert (status, shown) == (130, "")
    assert seen == [0, 1, 2]
    *_, last, end = events_in(tmp_path / "run")
    assert last["step"] == 3  # the step in hand was finished
    assert end["status"] == "cancelled"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"n_experts": 0}', "error: n_experts = 0: input should be greater than or equal to 1 (default 8)"),
        ('{"moe_every": 9}', "error: moe_every = 9 must be at most n_layers = 4"),
        ('{"steps": 5', "is not JSON: "),
        ("[1]", "must hold a JSON object of fields and values"),
        ("[" * 100_000, "is not JSON: "),
        ('{"steps": NaN}', "error: steps = nan: "),
    ],
)
def test_a_bad_config_is_one_line_an_end_event_and_exit_2(text, message, tmp_path: Path, capsys):
    path, folder = tmp_path / "config.json", tmp_path / "run"
    path.write_text(text)
    status, shown = run_here(capsys, "switch-top1-router", "--config", path, "--run-dir", folder)
    assert status == 2
    assert message in shown
    assert shown.count("\n") == 1
    (end,) = events_in(folder)
    assert end["status"] == "failed"
    assert f"error: {end['error']}\n" == shown


def test_a_config_file_that_cannot_be_read(tmp_path: Path, capsys):
    for path, reason in ((tmp_path / "none.json", "No such file"), (tmp_path, "Is a directory")):
        status, shown = run_here(capsys, "mixtral-top2-router", "--config", path)
        assert status == 2
        assert shown.startswith(f"error: cannot read {path}: {reason}")
    device, pipe, large, many = (tmp_path / f"{name}.json" for name in ("device", "pipe", "large", "many"))
    device.symlink_to("/dev/zero")
    os.mkfifo(pipe)
    large.touch()
    os.truncate(large, 3_000_000_000)
    many.write_text(json.dumps({f"{number}{'x' * 100}": 1 for number in range(5_000)}))
    for path, reason in ((device, "no regular"), (pipe, "no regular"), (large, "larger than"), (many, "4,976 more")):
        status, shown = run_here(capsys, "mixtral-top2-router", "--config", path)
        assert (status, shown.count("\n"), reason in shown) == (2, 1, True)
        assert len(shown) < 20_000


def test_flags_win_over_the_file_and_are_judged_the_same(config_file: Path, capsys):
    status, shown = run_here(capsys, "mixtral-top2-router", "--config", config_file, "--experts-per-token", 5)
    assert (status, shown) == (2, "error: experts_per_token = 5 must be at most n_experts = 4\n")
    status, shown = run_here(capsys, "mixtral-top2-router", "--steps", "many")
    assert (status, shown) == (2, "error: steps = 'many': input should be a valid integer (default 240)\n")


@pytest.mark.parametrize(("key", "told"), [("swich", "switch-top1-router"), ("nothing", "see `list`")])
def test_an_unknown_key_is_one_line_with_the_nearest(capsys, key, told):
    assert run_here(capsys, key, "--steps", 2) == (2, f"error: no implementation '{key}' ({told})\n")


def test_an_unknown_flag_is_named(capsys):
    with pytest.raises(SystemExit) as caught:
        run_here(capsys, "switch-top1-router", "--stepps", "3")
    assert caught.value.code == 2
    assert "--stepps" in capsys.readouterr().err


def test_help_names_bounds_and_defaults(capsys):
    with pytest.raises(SystemExit) as caught:
        run_here(capsys, "mixtral-top2-router", "--help")
    assert caught.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "--experts-per-token VALUE Experts that each token passes through; at most n_experts." in shown
    assert "(at least 1, at most 256, default 2)" in shown


def test_a_run_directory_in_use_is_left_alone(tmp_path: Path, capsys):
    (tmp_path / "events.jsonl").write_text('{"v": 1}\n')
    status, shown = run_here(capsys, "switch-top1-router", "--run-dir", tmp_path)
    assert status == 2
    assert "holds the events of another run; choose another run directory" in shown
    assert (tmp_path / "events.jsonl").read_text() == '{"v": 1}\n'


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), "out of memory: "),
        (MemoryError(), "out of memory: lower batch_size, sequence_length, d_model, d_expert or n_experts"),
        (KeyError("no\nsuch"), "KeyError: 'no\\nsuch'"),
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (ArithmeticError("values.loss is not a finite number"), "values.loss is not a finite number"),
    ],
)  # fmt: skip
def test_any_other_failure_is_one_line_in_the_end_event_and_exit_1(error, expected, tmp_path, capsys, monkeypatch):
    from reference_impls.tasks import language

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(language, "load_corpus", fail)
    status, shown = run_here(capsys, "switch-top1-router", "--run-dir", tmp_path)
    assert status == 1
    assert "Traceback" in shown
    (end,) = events_in(tmp_path)
    assert end["status"] == "failed"
    assert end["error"].startswith(expected)


def test_a_checkpoint_of_another_implementation_is_bad_input(config_file: Path, tmp_path: Path, capsys):
    status, _ = run_here(
        capsys, "switch-top1-router", "--config", config_file, "--run-dir", tmp_path / "a", "--save-checkpoint", "true"
    )
    assert status == 0
    checkpoint = tmp_path / "a" / "checkpoint.pt"
    status, shown = run_here(capsys, "mixtral-top2-router", "--config", config_file, "--resume", checkpoint)
    assert (status, shown) == (
        2,
        f"error: {checkpoint} is a checkpoint of switch-top1-router, not of mixtral-top2-router\n",
    )


def test_without_torch_the_message_says_how_to_install_it(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "reference_impls.tasks.train", None)
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith("reference_impls.tasks.checkpoint")]:
        monkeypatch.delitem(sys.modules, name)
    status = launch.run(find("switch-top1-router"), folder=tmp_path)
    assert status == 1
    assert "torch is not installed; pip install 'moe-kb[lab]'" in capsys.readouterr().err

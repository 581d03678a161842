"""The training loop in this process: what it learns, that it repeats, that it resumes."""

import json
import math
import os
from pathlib import Path

import pytest
import torch

from reference_impls.catalogue import find
from reference_impls.tasks.checkpoint import CheckpointError
from reference_impls.tasks.events import EventWriter
from reference_impls.tasks.language import TextTask
from reference_impls.tasks.train import Cancelled, DivergedError, Trainer, learning_rate


def go(entry, config, folder: Path, stop=lambda: False, resume: Path | None = None) -> list[dict]:
    """Run, and return the metrics events; timing, which differs between runs, left out."""
    with EventWriter(folder) as events:
        Trainer(entry, config, events, stop).run(folder, resume)
    return metrics_in(folder)


def metrics_in(folder: Path) -> list[dict]:
    written = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    chosen = [event for event in written if event["type"] == "metrics"]
    for event in chosen:
        del event["t"], event["values"]["tokens_per_second"]
    return chosen


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(typical, tiny_config, tmp_path: Path):
    first = go(typical, tiny_config(typical), tmp_path / "1")
    assert go(typical, tiny_config(typical), tmp_path / "2") == first
    assert go(typical, tiny_config(typical, seed=1), tmp_path / "3") != first


def test_metrics_have_their_names_and_ranges(typical, tiny_config, tmp_path: Path):
    config = tiny_config(typical)
    written = go(typical, config, tmp_path)
    assert [event["step"] for event in written if event["split"] == "valid"] == [3, 6]
    for event in written:
        values = event["values"]
        assert values.keys() == {
            "loss", "cross_entropy", "bits_per_byte", "aux_load_balance", "load_cv", "max_violation",
            "dropped_fraction", "router_entropy", "information",
        }  # fmt: skip
        assert values["bits_per_byte"] == pytest.approx(values["cross_entropy"] / math.log(2))
        assert values["loss"] > values["cross_entropy"]
        assert 0 <= values["dropped_fraction"] < 1
        assert 0 <= values["max_violation"] <= config.layer.n_experts - 1
        assert 0 <= values["router_entropy"] <= math.log(config.layer.n_experts) + 1e-5
        moe_layers = [f"layer {i}" for i in range(config.layer.n_layers) if config.is_moe_layer(i)]
        assert list(event["loads"]) == moe_layers
        for load_E in event["loads"].values():
            assert len(load_E) == config.layer.n_experts
            assert sum(load_E) == pytest.approx(1)


def test_the_total_loss_is_the_sum_of_its_weighted_parts(typical, tiny_config, tmp_path: Path):
    config = tiny_config(typical, balance_coefficient=0.5)
    layers = sum(config.is_moe_layer(i) for i in range(config.layer.n_layers))
    for event in go(typical, config, tmp_path):
        values = event["values"]
        expected = values["cross_entropy"] + 0.5 * layers * values["aux_load_balance"]
        assert values["loss"] == pytest.approx(expected, rel=1e-5)


def test_it_learns_to_do_better_than_byte_frequencies(typical, tiny_config, tmp_path: Path):
    config = tiny_config(
        typical, steps=100, batch_size=8, sequence_length=64, d_model=32, learning_rate=0.02, validation_every=100
    )
    *_, last = go(typical, config, tmp_path)
    start = json.loads((tmp_path / "events.jsonl").read_text().partition("\n")[0])
    unigram = start["references"]["byte frequencies alone"]
    assert last["values"]["bits_per_byte"] < 0.9 * unigram


def test_a_cancelled_run_resumes_where_it_stopped_and_ends_the_same(entry, tiny_config, tmp_path: Path):
    config = tiny_config(entry, save_checkpoint=True, validation_every=6)
    straight = go(entry, config, tmp_path / "straight")
    asked = iter([False, False, False, True])
    with pytest.raises(Cancelled):
        go(entry, config, tmp_path / "cut", stop=lambda: next(asked))
    assert [event["step"] for event in metrics_in(tmp_path / "cut")] == [1, 2, 3]
    rest = go(entry, config, tmp_path / "rest", resume=tmp_path / "cut" / "checkpoint.pt")
    assert metrics_in(tmp_path / "cut") + rest == straight


def test_a_checkpoint_of_another_config_is_refused_with_the_difference(typical, tiny_config, tmp_path: Path):
    go(typical, tiny_config(typical, save_checkpoint=True), tmp_path / "a")
    checkpoint = tmp_path / "a" / "checkpoint.pt"
    with pytest.raises(CheckpointError, match=r"another config: seed = 5 here, 0 there$"):
        go(typical, tiny_config(typical, save_checkpoint=True, seed=5), tmp_path / "b", resume=checkpoint)
    go(typical, tiny_config(typical), tmp_path / "writes none", resume=checkpoint)
    checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match="is not a checkpoint of a run"):
        go(typical, tiny_config(typical, save_checkpoint=True), tmp_path / "c", resume=checkpoint)
    checkpoint.unlink()
    checkpoint.symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match="no regular file"):
        go(typical, tiny_config(typical), tmp_path / "e", resume=checkpoint)
    with pytest.raises(CheckpointError, match=r"cannot read .*: No such file"):
        go(typical, tiny_config(typical), tmp_path / "d", resume=tmp_path / "nowhere.pt")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("model", {}), ("model", 3), ("optimiser", {"state": 3}), ("generator", torch.zeros(1)), ("step", "soon"),
        ("key", ["switch"]), ("torch_generator", None), ("config", [1]),
    ],
)  # fmt: skip
def test_damaged_checkpoints_are_refused(typical, tiny_config, tmp_path: Path, part, value):
    go(typical, tiny_config(typical, save_checkpoint=True), tmp_path / "a")
    checkpoint = tmp_path / "a" / "checkpoint.pt"
    torch.save(torch.load(checkpoint, weights_only=True) | {part: value}, checkpoint)
    with pytest.raises(CheckpointError, match="checkpoint"):
        go(typical, tiny_config(typical), tmp_path / "b", resume=checkpoint)


def test_divergence_ends_the_run_with_the_step_and_the_mend(typical, tiny_config, tmp_path, monkeypatch):
    whole = TextTask.score

    def poisoned(task, batch, output):
        loss, means = whole(task, batch, output)
        return loss * math.nan, means

    monkeypatch.setattr(TextTask, "score", poisoned)
    with pytest.raises(DivergedError, match=r"not finite at step 1; lower learning_rate \(now 0.003\)"):
        go(typical, tiny_config(typical), tmp_path)


def test_progress_is_told_and_reaches_the_end(typical, tiny_config, tmp_path: Path):
    go(typical, tiny_config(typical), tmp_path)
    written = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    progress = [event for event in written if event["type"] == "progress"]
    assert progress[0]["step"] == 0
    assert progress[0]["eta_seconds"] is None
    assert progress[-1]["step"] == progress[-1]["steps"] == 6
    assert progress[-1]["eta_seconds"] == 0


def test_the_learning_rate_warms_up_and_falls_to_a_tenth():
    config = find("mixtral-top2-router").config_class(steps=100, warmup_steps=10, learning_rate=1.0)
    rates = [learning_rate(config, step) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert rates[10] == pytest.approx(1)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.1, abs=1e-3)
    assert learning_rate(find("mixtral-top2-router").config_class(steps=3, warmup_steps=10), 2) == pytest.approx(3e-3)


def test_threads_are_never_more_than_the_machine_has(typical, tiny_config, tmp_path: Path):
    with EventWriter(tmp_path) as events:
        trainer = Trainer(typical, tiny_config(typical, threads=128), events, lambda: False)
    assert trainer.threads == torch.get_num_threads() <= (os.cpu_count() or 1)

"""Keys and flat configs of earlier versions: commands, layers, result files and checkpoints go on working."""

import signal
from collections.abc import Iterator

import pytest
import torch

from reference_impls import make_layer
from reference_impls.__main__ import main
from reference_impls.catalogue import entries, find
from reference_impls.evidence import files
from reference_impls.launch import run

EARLIER = [alias for entry in entries() for alias in entry.aliases]
QUICK = ["--steps", "1", "--batch-size", "1", "--sequence-length", "8", "--d-model", "16", "--n-layers", "1"]
FEW = ["--moe-every", "1", "--domain-bytes", "20000", "--validation-sequences", "4", "--threads", "1"]


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """A run takes over the signals of its process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("alias", EARLIER)
def test_an_earlier_key_makes_the_layer(alias: str):
    assert type(make_layer(alias, d_model=32)) is type(make_layer(find(alias).key, d_model=32))


def test_commands_take_earlier_keys(capsys: pytest.CaptureFixture[str]):
    assert main(["verify", "hash", "--no-train"]) == 0
    assert capsys.readouterr().out.startswith("hash-routing (1 of 1)\n")
    assert main(["run", "switch-top1", *QUICK, *FEW]) == 0
    assert capsys.readouterr().out.startswith("switch-top1-router on text: 1 steps")


@pytest.mark.parametrize("protocol", ["text-1", "clusters-1"])
def test_result_files_belong_to_entries(protocol: str):
    known = {entry.key for entry in entries()} | {"control-dense", "control-no-experts"}
    results = files.read_all(files.FOLDER, protocol)
    assert len(results) > 40
    assert {result["implementation"] for result in results} <= known
    for result in results:
        assert files.path_of(files.FOLDER, protocol, result["implementation"]).exists()
        entry = find(result["implementation"])
        if entry:
            entry.config_class(**result["config"])  # flat, as it was written


def test_a_checkpoint_of_an_earlier_version_goes_on(tmp_path, tiny_config):
    entry = find("switch-top1-router")
    flags = tiny_config(entry, save_checkpoint=True, validation_every=3).flat()
    assert run(entry, flags=flags, folder=tmp_path / "a") == 0
    path = tmp_path / "a" / "checkpoint.pt"
    saved = torch.load(path, weights_only=True)
    torch.save(saved | {"key": "switch-top1", "config": flags}, path)
    assert run(entry, flags=flags, folder=tmp_path / "b", resume=path) == 0

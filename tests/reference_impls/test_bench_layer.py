"""The layer's benchmark: the methods it times compute the same, and what it prints holds together."""

import json
import sys
from functools import partial

import pytest
import torch

from reference_impls import bench_layer
from reference_impls.__main__ import main
from reference_impls.bench_layer import PEERS, Shape

TINY = Shape(tokens=12, d_model=16, d_expert=8, n_experts=4, per_token=2)


@pytest.fixture
def tiny_shapes(monkeypatch):
    monkeypatch.setattr(bench_layer, "SHAPES", {"A": TINY, "B": TINY})


@pytest.mark.parametrize("peer", PEERS)
def test_what_is_compared_computes_the_same(peer):
    results = []
    for method in ("ours", peer):
        case = bench_layer._make_case(TINY, torch.float32)
        y_TD = bench_layer._method(case, method)()
        y_TD.backward(torch.ones_like(y_TD))
        results.append([y_TD.detach(), *(leaf.grad for leaf in case.leaves)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_ratios_follow_from_the_medians():
    row = bench_layer.measure("A", TINY, "float32", rounds=2)
    assert row.forward_ratio == min(row.forward_ms[peer] for peer in PEERS) / row.forward_ms["ours"]
    assert row.both_ratio == min(row.both_ms[peer] for peer in PEERS) / row.both_ms["ours"]
    assert row.gemms_ratio == row.forward_ms["gemms"] / row.forward_ms["ours"]
    assert row.ceiling == pytest.approx(row.forward_ratio / row.gemms_ratio)
    if row.peak_mib is None:
        assert row.peak_ratio is None
    else:
        assert row.peak_ratio == row.peak_mib["grouped_mm"] / row.peak_mib["ours"]
    assert len(bench_layer.as_line(row)) == len(bench_layer.HEADER)


def test_the_command_prints_every_shape_in_both_dtypes(tiny_shapes, capsys, monkeypatch):
    monkeypatch.setattr(bench_layer, "measure", partial(bench_layer.measure, memory=False))
    threads = torch.get_num_threads()
    assert main(["bench-layer", "--shapes", "B,A", "--rounds", "1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["shape"], row["dtype"]) for row in rows] == [
        ("B", "float32"), ("A", "float32"), ("B", "bfloat16"), ("A", "bfloat16"),
    ]  # fmt: skip
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shapes", "A,Z"], "error: --shapes: 'Z' is none of A, B, C, D\n"),
        (["--rounds", "0"], "error: --rounds = 0 must be at least 1\n"),
    ],
)
def test_bad_flags_are_one_line(arguments, message, capsys):
    assert main(["bench-layer", *arguments]) == 2
    assert capsys.readouterr().err == message


def test_without_transformers_the_message_says_how_to_install_it(tiny_shapes, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert main(["bench-layer", "--shapes", "A", "--rounds", "1"]) == 1
    shown = capsys.readouterr().err
    assert "pip install 'transformers>=5'" in shown
    assert shown.count("\n") == 1

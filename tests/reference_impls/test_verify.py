"""Every check of every implementation holds, and the command prints them."""

import json
import math
import sys

import pytest
import torch

from reference_impls.__main__ import main
from reference_impls.catalogue import entries
from reference_impls.verify import at_least, at_most, close, same
from reference_impls.verify.check import Check, worst_of
from reference_impls.verify.properties import clusters
from reference_impls.verify.suite import verify


def holds(checks):
    failed = [str(check) for check in checks if not check.passed]
    assert not failed, "\n".join(failed)


def test_every_check_holds(entry):
    made = list(verify(entry, train=False))
    assert len(made) > 12
    holds(made)


TELLING = [entry for entry in entries() if "clusters" in entry.tasks and entry.clusters != "cannot"]


def test_a_trained_design_beats_its_dense_layer(typical):
    assert typical in TELLING
    holds(clusters(typical))


@pytest.mark.proof
@pytest.mark.parametrize("entry", TELLING, ids=lambda entry: entry.key)
def test_every_trained_design_beats_its_dense_layer(entry):
    holds(clusters(entry))


def test_a_check_holds_on_the_right_side_of_its_bound():
    assert at_most("x", 1.0, 1.0).passed
    assert not at_most("x", 1.1, 1.0).passed
    assert at_least("x", torch.tensor(0.5), 0.5).passed
    assert not at_least("x", 0.4, 0.5).passed
    assert not at_most("x", math.nan, 1.0).passed
    assert not at_least("x", math.nan, 1.0).passed
    assert str(at_most("drops", 3, 0, "tokens")) == "FAIL  drops: 3 tokens (<= 0)"


def test_the_worst_of_numbers_of_which_one_is_none_is_none():
    assert worst_of(0.0, torch.tensor(2.0), 1.0) == 2.0
    assert math.isnan(worst_of(0.0, math.nan))
    assert math.isnan(worst_of(worst_of(math.nan, 0.0), 5.0))


def test_closeness_is_relative_and_absolute_and_shapes_must_agree():
    value = torch.tensor([100.0, 0.0])
    assert close("x", value + torch.tensor([0.009, 9e-6]), value).passed
    assert not close("x", value + torch.tensor([0.02, 0.0]), value).passed
    assert not close("x", value + torch.tensor([0.0, 2e-5]), value).passed
    assert not close("x", torch.tensor([math.nan, 0.0]), value).passed
    with pytest.raises(ValueError, match=r"x: \(2,\) here, \(1, 2\) there"):
        close("x", value, value[None])
    with pytest.raises(ValueError, match=r"x: \['a'\] here, \['b'\] there"):
        same("x", {"a": value}, {"b": value})


def test_the_command_prints_each_check_with_its_number(capsys):
    assert main(["verify", "mixtral-top2-router", "--no-train"]) == 0
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert first == "mixtral-top2-router (1 of 1)"
    assert all(line.startswith("  ok    ") for line in lines)
    assert last == f"{len(lines)} checks, 0 failed"
    assert main(["verify", "mixtral-top2-router", "--no-train", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(told) == len(lines)
    assert all(row["passed"] and row["measured"] <= row["bound"] for row in told if row["relation"] == "<=")


def test_a_check_that_fails_makes_the_command_fail(capsys, monkeypatch):
    monkeypatch.setattr(
        "reference_impls.designs.mixtral_top2_router.checks.checks",
        lambda entry: iter([Check("a wrong claim", 2.0, "<=", 1.0)]),
    )
    assert main(["verify", "mixtral-top2-router", "--no-train"]) == 1
    assert "  FAIL  a wrong claim: 2 (<= 1)" in capsys.readouterr().out


def test_an_unknown_key_names_the_nearest(capsys):
    assert main(["verify", "mixtral"]) == 2
    assert "no implementation 'mixtral' (mixtral-top2-router" in capsys.readouterr().err


def test_a_missing_library_is_named(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert main(["verify", "mixtral-top2-router", "--no-train"]) == 1
    assert "transformers is not installed; pip install 'moe-kb[dev]'" in capsys.readouterr().err

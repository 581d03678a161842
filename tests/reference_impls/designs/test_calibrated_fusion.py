import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.catalogue import find
from reference_impls.designs.calibrated_fusion.calibration import Calibrator, calibration_error, in_bins
from reference_impls.designs.calibrated_fusion.router import calibrator_of, fuse, run_model
from reference_impls.tasks.clusters import ClustersTask

ENTRY = find("calibrated-fusion")


def test_a_calibrator_that_has_seen_nothing_is_the_identity_up_to_a_bin():
    confidence_EN = torch.rand(2, 100)
    assert float((Calibrator(2, 25, 0.9)(confidence_EN) - confidence_EN).abs().max()) <= 0.5 / 25 + 1e-6


def test_bins_hold_every_confidence():
    assert in_bins(torch.tensor([0.0, 0.039, 0.04, 0.999, 1.0]), 25).tolist() == [0, 0, 1, 24, 24]
    assert calibration_error(torch.zeros(2, 0), torch.zeros(2, 0), 5).tolist() == [0, 0]


@settings(deadline=None, max_examples=25)
@given(E=st.integers(1, 4), N=st.integers(0, 5), scale=st.sampled_from([0.0, 1.0, 1e4]), seed=st.integers(0, 2**31))
def test_fusions_are_distributions_however_bold_the_experts(E: int, N: int, scale: float, seed: int):
    logit_ENV = scale * torch.randn(E, N, 7, generator=torch.Generator().manual_seed(seed))
    fusion = fuse(logit_ENV, torch.full((E, N), 0.4))
    torch.testing.assert_close(fusion.log_NV.exp().sum(-1), torch.ones(N))
    torch.testing.assert_close(fusion.weight_EN.sum(0), torch.ones(N))
    assert bool(fusion.log_NV.isfinite().all())


@pytest.mark.parametrize("training", [True, False])
def test_calibrators_learn_in_training_only_and_are_saved(training: bool):
    task = ClustersTask(ENTRY, ENTRY.config_class(task="clusters", n_experts=2, batch_size=2))
    task.model.train(training)
    run_model(task, task.training_batch(torch.Generator().manual_seed(0)))
    assert float(calibrator_of(task.model).count_EC.sum()) == (2 * 2 * 16 if training else 0)
    assert "layer.router.calibrator.count_EC" in task.model.state_dict()


def test_without_calibration_experts_are_taken_at_their_word():
    task = ClustersTask(
        ENTRY, ENTRY.config_class(task="clusters", n_experts=3, batch_size=2, boast=5.0, calibration="none")
    )
    outcome = task.evaluate(task.training_batch(torch.Generator().manual_seed(0)))
    stats = outcome.infos["layer 0"].stats
    assert stats["stated_error"] == stats["calibrated_error"]
    assert stats["uncalibrated_cross_entropy"] == pytest.approx(outcome.means["cross_entropy"], rel=1e-5)

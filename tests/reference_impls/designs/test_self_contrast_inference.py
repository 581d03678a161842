"""Self-contrast: distributions for any logits, the way back from weakness, the config's bounds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.catalogue import find
from reference_impls.designs.self_contrast_inference.config import ScmoeConfig
from reference_impls.designs.self_contrast_inference.router import make_layer, self_contrast, weakened
from reference_impls.tasks.clusters import ClustersTask


@settings(max_examples=60, deadline=None)
@given(
    C=st.integers(1, 12), contrast=st.floats(0, 5), plausible=st.floats(0.001, 1), scale=st.floats(0, 1e4),
    seed=st.integers(0, 999),
)  # fmt: skip
def test_any_two_predictions_make_a_distribution_with_the_paper_s_choice(C, contrast, plausible, scale, seed):
    torch.manual_seed(seed)
    strong, weak = scale * torch.randn(4, C, dtype=torch.float64), scale * torch.randn(4, C, dtype=torch.float64)
    log_p = self_contrast(strong, weak, contrast, plausible)
    assert not log_p.isnan().any()
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(4, dtype=torch.float64))
    far = strong < torch.tensor(plausible, dtype=torch.float64).log() + strong.max(-1, keepdim=True).values
    z = ((1 + contrast) * strong - contrast * weak).masked_fill(far, -torch.inf)
    chosen = log_p.gather(-1, z.argmax(-1, keepdim=True))[:, 0]
    assert (chosen >= log_p.max(-1).values - 1e-9).all()


def test_an_error_in_the_weak_run_does_not_leave_the_model_weak():
    layer = make_layer(ScmoeConfig(d_model=8, d_expert=12))

    def fail() -> None:
        with weakened(layer):
            assert layer.router.weak
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert not layer.router.weak


@pytest.mark.parametrize("training", [True, False])
def test_what_is_reported_of_the_two_runs(training):
    task = ClustersTask(find("self-contrast-inference"), find("self-contrast-inference").config_class(task="clusters"))
    task.model.train(training)
    means = task.evaluate(task.validation_batches()[0]).means
    assert ("aux_weak_run" in means) == ("aux_strong_run" in means) == (not training)
    assert means["loss"] == pytest.approx(means["cross_entropy"] + 0.02 * means["aux_load_balance"])

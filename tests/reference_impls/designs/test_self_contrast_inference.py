"""Self-contrast: distributions for any logits, the way back from weakness, the config's bounds."""

import pytest

from reference_impls.catalogue import find
from reference_impls.designs.self_contrast_inference.config import ScmoeConfig
from reference_impls.designs.self_contrast_inference.router import make_layer, weakened
from reference_impls.tasks.clusters import ClustersTask


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
    means = task.evaluate(task.validation_batches[0]).means
    assert ("aux_weak_run" in means) == ("aux_strong_run" in means) == (not training)
    assert means["loss"] == pytest.approx(means["cross_entropy"] + 0.02 * means["aux_load_balance"])

"""The digits task: what is read, what is held out, and that the encoder is no causal one."""

import torch

from reference_impls.catalogue import find
from reference_impls.tasks.digits import HELD_OUT, DigitsTask, load_images


def test_every_image_is_learnt_from_or_held_out():
    kept, held = load_images()
    assert len(held.digit_B) == HELD_OUT
    assert len(kept.digit_B) + HELD_OUT == 1797
    assert kept.patch_BSP.shape[1:] == (16, 4)
    every = torch.cat([kept.patch_BSP, held.patch_BSP])
    assert abs(float(every.mean())) < 1e-4
    assert set(held.digit_B.tolist()) == set(range(10))


def test_patches_are_squares_of_the_image():
    from sklearn.datasets import load_digits

    kept, held = load_images()
    pixels = torch.tensor(load_digits().images)
    spread, mean = pixels.std(), pixels.mean()
    square = {tuple(((image[2:4, 4:6] - mean) / spread).flatten().round(decimals=3).tolist()) for image in pixels}
    seen = torch.cat([kept.patch_BSP, held.patch_BSP])[:, 6]
    assert {tuple(patch.double().round(decimals=3).tolist()) for patch in seen} == square


def test_a_patch_sees_those_after_it_and_the_order_matters(tiny_config):
    entry = find("soft-moe-slots")
    task = DigitsTask(entry, tiny_config(entry, task="digits"))
    model = task.model.double().eval()
    patch_BSP = task.validation_batches[0].patch_BSP.double()
    logits = model(patch_BSP)[0]
    assert not torch.allclose(model(patch_BSP.flip(1))[0], logits)
    block = model.blocks[0]
    x_BSD = torch.randn(1, 16, 16, dtype=torch.float64)
    other = x_BSD.clone()
    other[:, -1] += 1
    everything = torch.ones(1, 16, 16, dtype=torch.bool)
    attended = [block.attention(value, everything)[0, 0] for value in (x_BSD, other)]
    assert not torch.allclose(*attended)


def test_what_is_scored_is_no_more_than_what_is_held_out(tiny_config):
    entry = find("soft-moe-slots")
    task = DigitsTask(entry, tiny_config(entry, task="digits", validation_sequences=4096, batch_size=50))
    batches = task.validation_batches
    assert sum(len(batch.digit_B) for batch in batches) == HELD_OUT
    labels, n = task.labels(batches[0])
    assert (len(labels), n) == (50 * 16, 10)
    outcome = task.evaluate(batches[0])
    assert 0 <= outcome.means["accuracy"] <= 1

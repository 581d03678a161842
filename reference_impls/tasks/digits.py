"""The `digits` task: which digit a handwritten image shows.

The 1797 images of 8 x 8 pixels that scikit-learn carries, cut into 16 patches of 2 x 2. A small encoder without a
causal mask reads the patches; the mean over them is classified. One image in five is held out, chosen by chance
but the same in every run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.config import RunConfig
from reference_impls.core.build import dense_layer
from reference_impls.core.layer import LayerInfo
from reference_impls.entry import Entry
from reference_impls.tasks.base import Forward, MakeLayer, Task
from reference_impls.tasks.model import Block
from reference_impls.tasks.sizes import DIGITS, PATCH_SIDE, PATCHES

HELD_OUT = 360  # images
SPLIT_SEED = 0


@dataclass(frozen=True)
class Images:
    """Images as patches, float32 [B, patches, pixels of a patch], and their digits, int64 [B]."""

    patch_BSP: Tensor
    digit_B: Tensor


@cache
def load_images() -> tuple[Images, Images]:
    """Images to learn from, and those held out; pixels have mean 0 and variance 1 over all of them."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixel_BHW = torch.tensor(bunch.images, dtype=torch.float32)
    pixel_BHW = (pixel_BHW - pixel_BHW.mean()) / pixel_BHW.std()
    tiles = pixel_BHW.unfold(1, PATCH_SIDE, PATCH_SIDE).unfold(2, PATCH_SIDE, PATCH_SIDE)
    patch_BSP = tiles.reshape(len(pixel_BHW), PATCHES, PATCH_SIDE**2)
    digit_B = torch.tensor(bunch.target, dtype=torch.int64)
    order_B = torch.randperm(len(digit_B), generator=torch.Generator().manual_seed(SPLIT_SEED))
    held_B, kept_B = order_B[:HELD_OUT], order_B[HELD_OUT:]
    return Images(patch_BSP[kept_B], digit_B[kept_B]), Images(patch_BSP[held_B], digit_B[held_B])


class ImageEncoder(nn.Module):
    """Patches, their places, the layers of the text model without its causal mask, and a read-out of the mean."""

    def __init__(self, config: RunConfig, feed_forwards: list[nn.Module]) -> None:
        super().__init__()
        self.patches = nn.Linear(PATCH_SIDE**2, config.layer.d_model)
        self.place_embedding = nn.Parameter(torch.empty(PATCHES, config.layer.d_model))
        self.blocks = nn.ModuleList(Block(config, layer) for layer in feed_forwards)
        self.norm = nn.RMSNorm(config.layer.d_model)
        self.head = nn.Linear(config.layer.d_model, DIGITS)
        nn.init.normal_(self.place_embedding, std=0.5)
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(self, patch_BSP: Tensor) -> tuple[Tensor, dict[str, LayerInfo]]:
        """Logits [B, digits], and the reports of the layers with experts by name ("layer 1")."""
        x_BSD = self.patches(patch_BSP) + self.place_embedding
        S = x_BSD.shape[1]
        all_1SS = torch.ones(1, S, S, dtype=torch.bool, device=x_BSD.device)
        infos = {}
        for number, block in enumerate(self.blocks):
            x_BSD, info = block(x_BSD, all_1SS, None, {})
            if info is not None:
                infos[f"layer {number}"] = info
        return self.head(self.norm(x_BSD).mean(1)), infos


class DigitsTask(Task):
    """Name the digit; accuracy on held-out images. Specialisation is judged by the digits."""

    headline: ClassVar[str] = "accuracy"
    higher_is_better: ClassVar[bool] = True

    def __init__(self, entry: Entry, config: RunConfig, make_layer: MakeLayer | None = None) -> None:
        super().__init__(entry, config, make_layer)
        self.images, held_out = load_images()
        size, most = config.optimiser.batch_size, min(config.task.validation_sequences, HELD_OUT)
        self.validation_batches = [
            Images(held_out.patch_BSP[at : min(at + size, most)], held_out.digit_B[at : min(at + size, most)])
            for at in range(0, most, size)
        ]

    @staticmethod
    def build(config: RunConfig, make_layer: MakeLayer) -> nn.Module:
        """An encoder of patches."""
        layers = [
            make_layer(config.layer) if config.is_moe_layer(layer) else dense_layer(config.layer)
            for layer in range(config.layer.n_layers)
        ]
        return ImageEncoder(config, layers)

    def training_batch(self, generator: torch.Generator) -> Images:
        """Images drawn with replacement."""
        drawn_B = torch.randint(len(self.images.digit_B), (self.config.optimiser.batch_size,), generator=generator)
        return Images(self.images.patch_BSP[drawn_B], self.images.digit_B[drawn_B])

    def forward(self, batch: Images, **context: Tensor) -> Forward:
        """Logits [B, digits]; nothing is given of an image but its patches."""
        return Forward(*self.model(batch.patch_BSP))

    def score(self, batch: Images, output: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy in nats an image, and the share of digits named."""
        loss = F.cross_entropy(output, batch.digit_B)
        hit = (output.argmax(-1) == batch.digit_B).double().mean()
        return loss, {"cross_entropy": float(loss.detach()), "accuracy": float(hit)}

    def labels(self, batch: Images) -> tuple[Tensor, int]:
        """The digit of the image of each patch."""
        return batch.digit_B.repeat_interleave(PATCHES), DIGITS

    def references(self) -> dict[str, float]:
        """What guessing reaches."""
        return {"chance": 1 / DIGITS}

    def notes(self) -> Iterator[tuple[Literal["info", "warning"], str]]:
        """What is read and what is held out."""
        yield "info", f"{len(self.images.digit_B)} images to learn from, {HELD_OUT} held out"

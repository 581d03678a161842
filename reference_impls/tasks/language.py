"""The `text` task: predict each byte of the text that every Python installation carries."""

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.config import RunConfig
from reference_impls.entry import Entry
from reference_impls.tasks.base import Forward, MakeLayer, Task
from reference_impls.tasks.model import ByteTransformer
from reference_impls.tasks.text import (
    DOMAINS,
    Batch,
    load_corpus,
    training_batch,
    unigram_bits_per_byte,
    validation_batches,
)


class TextTask(Task):
    """A byte-level language model; bits per byte of held-out documents."""

    headline: ClassVar[str] = "bits_per_byte"
    higher_is_better: ClassVar[bool] = False

    def __init__(self, entry: Entry, config: RunConfig, make_layer: MakeLayer | None = None) -> None:
        super().__init__(entry, config, make_layer)
        self.corpus = load_corpus(config.task.domain_bytes, config.task.sequence_length)
        self.validation_batches = validation_batches(
            self.corpus, config.optimiser.batch_size, config.task.sequence_length, config.task.validation_sequences
        )

    @staticmethod
    def build(config: RunConfig, make_layer: MakeLayer) -> nn.Module:
        """A transformer over bytes."""
        return ByteTransformer(config, make_layer)

    def training_batch(self, generator: torch.Generator) -> Batch:
        """Windows at random places of the text."""
        return training_batch(
            self.corpus, self.config.optimiser.batch_size, self.config.task.sequence_length, generator
        )

    def forward(self, batch: Batch, **context: Tensor) -> Forward:
        """Logits [B, S, 256]."""
        return Forward(*self.model(batch.input_BS, **({"domain": batch.domain_B} | context)))

    def score(self, batch: Batch, output: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy in nats per byte."""
        loss = F.cross_entropy(output.flatten(0, 1), batch.target_BS.flatten())
        return loss, {"cross_entropy": float(loss.detach())}

    def labels(self, batch: Batch) -> tuple[Tensor, int]:
        """The domain of each byte."""
        return batch.domain_B.repeat_interleave(batch.input_BS.shape[1]), len(self.corpus.domains)

    def derived(self, means: Mapping[str, float]) -> dict[str, float]:
        """Bits per byte."""
        return {"bits_per_byte": means["cross_entropy"] / math.log(2)}

    def references(self) -> dict[str, float]:
        """What a model without context would reach."""
        return {"byte frequencies alone": unigram_bits_per_byte(self.corpus, self.validation_batches)}

    def notes(self) -> Iterator[tuple[Literal["info", "warning"], str]]:
        """What was read, and what this Python lacks."""
        corpus = self.corpus
        sizes = ", ".join(f"{name} {len(corpus.train[name]):,}" for name in corpus.domains)
        yield "info", f"text {corpus.digest}: {sizes} bytes to learn from"
        missing = [name for name in DOMAINS if name not in corpus.domains]
        if missing:
            yield "warning", f"this Python carries no text of the kind: {', '.join(missing)}"

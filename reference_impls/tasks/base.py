"""What a task is to the training loop: data, a model, a loss, and the names of what is measured."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar

import torch
from torch import Tensor, nn

from reference_impls.config import RunConfig
from reference_impls.core.layer import LayerInfo
from reference_impls.core.routing import AuxiliaryLoss
from reference_impls.entry import Entry

Batch = TypeVar("Batch")
MakeLayer = Callable[[Any], nn.Module]
"""From a layer's settings to a layer: with experts (`MoELayer`), or any other from tokens [B, S, D] to tokens."""


@dataclass(frozen=True)
class Forward:
    """A model's outputs for a batch.

    Attributes:
        output: logits, of the shape that the task expects.
        infos: the reports of the layers with experts, by name ("layer 1").
        losses: losses of the whole model beside those of its layers.
    """

    output: Tensor
    infos: dict[str, LayerInfo]
    losses: dict[str, AuxiliaryLoss] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a batch.

    Attributes:
        loss: what the optimiser minimises.
        means: measurements by name, means over the batch's targets.
        infos: the reports of the layers with experts.
        targets: predictions that were scored.
        label_T: what specialisation is judged by, one of `n_labels` for each token: its domain or cluster.
        n_labels: number of labels.
    """

    loss: Tensor
    means: dict[str, float]
    infos: dict[str, LayerInfo]
    targets: int
    label_T: Tensor
    n_labels: int


class Task(ABC):
    """Data, model and loss of one run."""

    headline: ClassVar[str]
    """The metric by which designs are compared."""

    higher_is_better: ClassVar[bool]

    model: nn.Module
    validation_batches: Sequence[Any]
    """The batches to be scored, the same every time; training is on others."""

    def __init__(self, entry: Entry, config: RunConfig, make_layer: MakeLayer | None = None) -> None:
        """A task for the design of `entry`, or for the layers that `make_layer` makes in its stead."""
        self.entry, self.config = entry, config
        design = entry.design
        self.make_layer: MakeLayer = make_layer or design.make_layer
        self.model = self.build(config, self.make_layer)
        self._run_model = None if make_layer else design.run_model
        self._update_model = None if make_layer else design.update_model

    @staticmethod
    @abstractmethod
    def build(config: RunConfig, make_layer: MakeLayer) -> nn.Module:
        """The model, its feed-forwards with experts made by `make_layer` from the layer's settings."""

    @abstractmethod
    def training_batch(self, generator: torch.Generator) -> Any:
        """A batch to learn from."""

    @abstractmethod
    def forward(self, batch: Any, **context: Tensor) -> Forward:
        """The model's outputs; `context` replaces what the batch says of its tokens (`domain=…`)."""

    @abstractmethod
    def score(self, batch: Any, output: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The loss of the outputs without auxiliary losses, and the measurements by name."""

    @abstractmethod
    def labels(self, batch: Any) -> tuple[Tensor, int]:
        """The label of each token of the batch, flat, and how many labels there are."""

    def derived(self, means: Mapping[str, float]) -> dict[str, float]:
        """Metrics that follow from means over an interval."""
        return {}

    def references(self) -> dict[str, float]:
        """Scores of the headline metric in validation that need no model, by what reaches them."""
        return {}

    def notes(self) -> Iterator[tuple[Literal["info", "warning"], str]]:
        """What a reader should know before the run begins."""
        yield from ()

    def evaluate(self, batch: Any) -> Outcome:
        """Run the model on a batch, in the mode that it is in, and add up its losses.

        A design may run the model in its own way (twice, or averaged over domains): `Design.run_model` then takes the
        place of `forward`.
        """
        done = self.forward(batch) if self._run_model is None else self._run_model(self, batch)
        loss, means = self.score(batch, done.output)
        auxiliary: dict[str, list[float]] = {}
        for losses in (done.losses, *(info.losses for info in done.infos.values())):
            for name, part in losses.items():
                loss = loss + part.coefficient * part.value
                auxiliary.setdefault(f"aux_{name}", []).append(float(part.value.detach()))
        # An `aux_` part is unscaled and the mean over layers; the total adds them up with their coefficients.
        means |= {"loss": float(loss.detach())} | {name: sum(all_) / len(all_) for name, all_ in auxiliary.items()}
        label_T, n_labels = self.labels(batch)
        targets = label_T.numel()
        return Outcome(loss, means, done.infos, targets, label_T, n_labels)

    def update(self, batch: Any) -> bool:
        """Learn from a batch in the design's own way; False if it has none, and the optimiser is to take its step.

        A design that learns otherwise than by gradients has `Design.update_model`.
        """
        if self._update_model is None:
            return False
        self._update_model(self, batch)
        return True


def draw_validation(draw: Callable[[int, int, torch.Generator], Batch], config: RunConfig) -> list[Batch]:
    """Held-out batches, so many sequences in all as the config says; `draw` takes sequences, length and chance."""
    generator = torch.Generator().manual_seed(config.seed + 1)
    starts = range(0, config.task.validation_sequences, config.optimiser.batch_size)
    sizes = [min(config.optimiser.batch_size, config.task.validation_sequences - start) for start in starts]
    return [draw(size, config.task.sequence_length, generator) for size in sizes]

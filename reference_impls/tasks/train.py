"""The training loop: what is optimised, what is measured and when it is reported."""

import dataclasses
import math
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

import reference_impls
from reference_impls.config import RunConfig
from reference_impls.core.layer import MoELayer
from reference_impls.core.metrics import RoutingTally
from reference_impls.core.routing import Progress
from reference_impls.entry import Entry
from reference_impls.tasks.base import MakeLayer, Outcome, Task
from reference_impls.tasks.checkpoint import load_checkpoint, save_checkpoint
from reference_impls.tasks.clusters import ClustersTask
from reference_impls.tasks.digits import DigitsTask
from reference_impls.tasks.events import EventWriter
from reference_impls.tasks.language import TextTask
from reference_impls.tasks.multitask import MultitaskTask

TASKS: dict[str, type[Task]] = {
    "text": TextTask,
    "clusters": ClustersTask,
    "digits": DigitsTask,
    "multitask": MultitaskTask,
}

PROGRESS_SECONDS = 0.5  # between progress events, as far as a step is shorter than that
REPORTS = 60  # train metrics are reported about this many times in a run


class DivergedError(ArithmeticError):
    """The loss or its gradient is no longer a finite number."""


class Cancelled(Exception):
    """Someone asked the run to stop."""


@dataclasses.dataclass
class Interval:
    """Sums of what was measured since the last report."""

    tally: RoutingTally = dataclasses.field(default_factory=RoutingTally)
    sums: dict[str, float] = dataclasses.field(default_factory=dict)
    targets: int = 0
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count a batch."""
        for name, value in outcome.means.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * outcome.targets
        self.targets += outcome.targets
        self.tally.add(outcome.infos, outcome.label_T, outcome.n_labels)

    def values(self, task: Task) -> dict[str, float]:
        """The metrics of the interval by name."""
        means = {name: total / max(self.targets, 1) for name, total in self.sums.items()}
        speed = {"tokens_per_second": self.targets / max(self.seconds, 1e-9)}
        return means | task.derived(means) | speed | self.tally.values()


def make_task(entry: Entry, config: RunConfig, make_layer: MakeLayer | None = None) -> Task:
    """The config's task for an implementation, or for the layers of `make_layer` in its stead.

    Weights are drawn from torch's global generator.
    """
    return TASKS[config.task.name](entry, config, make_layer)


def learning_rate(config: RunConfig, step: int) -> float:
    """Rate of step `step` (from 0): linear warm-up, then a cosine down to a tenth of the peak."""
    warmup = min(config.optimiser.warmup_steps, config.optimiser.steps)
    if step < warmup:
        return config.optimiser.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(config.optimiser.steps - warmup, 1)
    return config.optimiser.learning_rate * (0.55 + 0.45 * math.cos(math.pi * done))


class Trainer:
    """One run: the model, its data and its optimiser."""

    def __init__(self, entry: Entry, config: RunConfig, events: EventWriter, stop: Callable[[], bool]) -> None:
        self.entry, self.config, self.events, self.stop = entry, config, events, stop
        self.threads = min(config.threads, _available_cpus())
        torch.set_num_threads(self.threads)
        torch.manual_seed(config.seed)
        self.task = make_task(entry, config)
        self.model = self.task.model
        self.optimiser = make_optimiser(self.model, config)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.step = 0
        self.summary: dict[str, float] = {}
        self._resumed_at = 0
        self._reported = -math.inf

    def run(self, folder: Path | None = None, resume: Path | None = None) -> None:
        """Train to the last step.

        Args:
            folder: where a checkpoint goes if the config asks for one.
            resume: a checkpoint of an earlier run of the same config to go on from.

        Raises:
            Cancelled: between two steps, after `stop()` became true.
            DivergedError: if the loss or its gradient is not finite.
            CheckpointError: if `resume` is no checkpoint of this config.
        """
        if resume is not None:
            self.step = self._resumed_at = load_checkpoint(
                resume, self.entry.key, self.config, self.model, self.optimiser, self.generator
            )
        self._announce()
        interval, every = Interval(), max(1, self.config.optimiser.steps // REPORTS)
        try:
            while self.step < self.config.optimiser.steps:
                self._check_stop()
                self._train_step(interval)
                self._report_progress()
                last = self.step == self.config.optimiser.steps
                if last or self.step % every == 0:
                    self.events.metrics(self.step, "train", interval.values(self.task), interval.tally.loads())
                    interval = Interval()
                if last or self.step % self.config.task.validation_every == 0:
                    self._validate()
                    self._save(folder)
        except Cancelled:
            self._save(folder)
            raise

    def _announce(self) -> None:
        config = self.config
        self.events.start(
            implementation=self.entry.key,
            config=config.model_dump(mode="json"),
            task=config.task.name,
            steps=config.optimiser.steps,
            device="cpu",
            threads=self.threads,
            versions={
                "python": platform.python_version(),
                "torch": torch.__version__,
                "reference_impls": reference_impls.__version__,
            },
            params_total=sum(p.numel() for p in self.model.parameters()),
            params_active=self.entry.estimate(config).params_active,
            references=self.task.references(),
        )
        for level, text in self.task.notes():
            self.events.message(level, text)
        self._report_progress()

    def _train_step(self, interval: Interval) -> None:
        began = time.monotonic()
        outcome = train_step(
            self.task, self.optimiser, self.generator, Progress(self.step, self.config.optimiser.steps)
        )
        self.step += 1
        interval.add(outcome)
        interval.seconds += time.monotonic() - began

    def _validate(self) -> None:
        interval = validate(self.task, self._check_stop, self._report_progress)
        self.summary = interval.values(self.task)
        self.events.metrics(self.step, "valid", self.summary, interval.tally.loads())

    def _report_progress(self) -> None:
        now = self.events.seconds
        if self.step < self.config.optimiser.steps and now - self._reported < PROGRESS_SECONDS:
            return
        if self._reported == -math.inf:
            self._training_began = now
        self._reported = now
        done, left = self.step - self._resumed_at, self.config.optimiser.steps - self.step
        eta = (now - self._training_began) / done * left if done else None
        self.events.progress(self.step, self.config.optimiser.steps, eta)

    def _check_stop(self) -> None:
        if self.stop():
            raise Cancelled

    def _save(self, folder: Path | None) -> None:
        if folder is not None and self.config.save_checkpoint:
            save_checkpoint(folder, self.entry.key, self.config, self.step, self.model, self.optimiser, self.generator)


def train_step(task: Task, optimiser: torch.optim.Optimizer, generator: torch.Generator, progress: Progress) -> Outcome:
    """One step of the optimiser on a fresh batch, after `progress.step` of them.

    Raises:
        DivergedError: if the loss or its gradient is not finite.
    """
    config, model = task.config, task.model
    model.train()
    for group in optimiser.param_groups:
        group["lr"] = learning_rate(config, progress.step)
    batch = task.training_batch(generator)
    outcome = task.evaluate(batch)
    if not math.isfinite(outcome.means["loss"]):
        raise _diverged(config, progress)
    if not task.update(batch):
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(outcome.loss)
        if not math.isfinite(torch.nn.utils.clip_grad_norm_(model.parameters(), config.optimiser.gradient_clip)):
            raise _diverged(config, progress)
        optimiser.step()
    layers = [module for module in model.modules() if isinstance(module, MoELayer)]
    for layer, info in zip(layers, outcome.infos.values(), strict=True):
        layer.on_step(info, Progress(progress.step + 1, progress.steps))
    return outcome


def _diverged(config: RunConfig, progress: Progress) -> DivergedError:
    return DivergedError(
        f"the loss or its gradient is not finite at step {progress.step + 1}; "
        f"lower learning_rate (now {config.optimiser.learning_rate:g})"
    )


@torch.no_grad()
def validate(
    task: Task, before: Callable[[], None] = lambda: None, after: Callable[[], None] = lambda: None
) -> Interval:
    """Score the validation batches, outside training; `before` and `after` are called around each of them."""
    task.model.eval()
    interval = Interval()
    for batch in task.validation_batches:
        before()
        began = time.monotonic()
        interval.add(task.evaluate(batch))
        interval.seconds += time.monotonic() - began
        after()
    return interval


def make_optimiser(model: nn.Module, config: RunConfig) -> torch.optim.AdamW:
    """AdamW that decays the matrices and nothing else."""
    matrices = [p for name, p in model.named_parameters() if p.dim() > 1 and "embedding" not in name]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": config.optimiser.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.optimiser.learning_rate, betas=(0.9, 0.95), fused=True)


def _available_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):  # A container may own fewer than the machine has.
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

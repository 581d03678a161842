"""The training loop of the `text` task: what is optimised, what is measured and when it is told."""

import dataclasses
import math
import os
import platform
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

import reference_impls
from reference_impls.catalogue import Entry
from reference_impls.configs.base import TextConfig
from reference_impls.core.layer import LayerInfo
from reference_impls.core.metrics import RoutingTally
from reference_impls.tasks.checkpoint import load_checkpoint, save_checkpoint
from reference_impls.tasks.events import EventWriter
from reference_impls.tasks.model import ByteTransformer
from reference_impls.tasks.text import (
    DOMAINS,
    Batch,
    Corpus,
    load_corpus,
    training_batch,
    unigram_bits_per_byte,
    validation_batches,
)

PROGRESS_SECONDS = 0.5  # between progress events, as far as a step is shorter than that
REPORTS = 60  # train metrics are told about this many times in a run


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

    def add(self, losses: dict[str, float], infos: dict[str, LayerInfo], targets: int) -> None:
        """Count a batch; `losses` are means over its targets."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * targets
        self.targets += targets
        self.tally.add(infos)

    def values(self) -> dict[str, float]:
        """The metrics of the interval by name."""
        means = {name: total / max(self.targets, 1) for name, total in self.sums.items()}
        means["bits_per_byte"] = means["cross_entropy"] / math.log(2)
        means["tokens_per_second"] = self.targets / max(self.seconds, 1e-9)
        return means | self.tally.values()


def build_model(entry: Entry, config: TextConfig) -> ByteTransformer:
    """The model of an implementation, freshly initialised from torch's global generator."""
    gating = import_module(f"reference_impls.gating.{entry.gating}")
    return ByteTransformer(config, gating.make_layer, gating.make_dense)


def total_loss(logits_BSV: Tensor, target_BS: Tensor, infos: dict[str, LayerInfo]) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy plus every layer's weighted auxiliary losses, and the parts by metric name.

    An `aux_` part is unscaled and the mean over layers; the total adds them up, each with its coefficient.
    """
    cross_entropy = F.cross_entropy(logits_BSV.flatten(0, 1), target_BS.flatten())
    loss = cross_entropy
    auxiliary: dict[str, list[float]] = {}
    for info in infos.values():
        for name, part in info.losses.items():
            loss = loss + part.coefficient * part.value
            auxiliary.setdefault(name, []).append(float(part.value.detach()))
    parts = {"loss": float(loss.detach()), "cross_entropy": float(cross_entropy.detach())}
    return loss, parts | {f"aux_{name}": sum(values) / len(values) for name, values in auxiliary.items()}


def learning_rate(config: TextConfig, step: int) -> float:
    """Rate of step `step` (from 0): linear warm-up, then a cosine down to a tenth of the peak."""
    warmup = min(config.warmup_steps, config.steps)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(config.steps - warmup, 1)
    return config.learning_rate * (0.55 + 0.45 * math.cos(math.pi * done))


class Trainer:
    """One run: the model, its data and its optimiser."""

    def __init__(self, entry: Entry, config: TextConfig, events: EventWriter, stop: Callable[[], bool]) -> None:
        self.entry, self.config, self.events, self.stop = entry, config, events, stop
        self.threads = min(config.threads, _available_cpus())
        torch.set_num_threads(self.threads)
        torch.manual_seed(config.seed)
        self.model = build_model(entry, config)
        self.optimiser = _optimiser(self.model, config)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.corpus: Corpus = load_corpus(config.domain_bytes, config.sequence_length)
        self.validation: list[Batch] = validation_batches(
            self.corpus, config.batch_size, config.sequence_length, config.validation_sequences
        )
        self.step = 0
        self.summary: dict[str, float] = {}
        self._resumed_at = 0
        self._told = -math.inf

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
        interval, every = Interval(), max(1, self.config.steps // REPORTS)
        try:
            while self.step < self.config.steps:
                self._check_stop()
                self._train_step(interval)
                self._tell_progress()
                last = self.step == self.config.steps
                if last or self.step % every == 0:
                    self.events.metrics(self.step, "train", interval.values(), interval.tally.loads())
                    interval = Interval()
                if last or self.step % self.config.validation_every == 0:
                    self._validate()
                    self._save(folder)
        except Cancelled:
            self._save(folder)
            raise

    def _announce(self) -> None:
        config, corpus = self.config, self.corpus
        estimate = self.entry.estimate(config)
        self.events.start(
            implementation=self.entry.key,
            config=config.model_dump(mode="json"),
            task="text",
            steps=config.steps,
            device="cpu",
            threads=self.threads,
            versions={
                "python": platform.python_version(),
                "torch": torch.__version__,
                "reference_impls": reference_impls.__version__,
            },
            params_total=sum(p.numel() for p in self.model.parameters()),
            params_active=estimate.params_active,
        )
        sizes = ", ".join(f"{name} {len(corpus.train[name]):,}" for name in corpus.domains)
        self.events.message("info", f"text {corpus.digest}: {sizes} bytes to learn from")
        missing = [name for name in DOMAINS if name not in corpus.domains]
        if missing:
            self.events.message("warning", f"this Python carries no text of the kind: {', '.join(missing)}")
        unigram = unigram_bits_per_byte(corpus, self.validation)
        self.events.message("info", f"byte frequencies alone reach {unigram:.3f} bits per byte in validation")
        self._tell_progress()

    def _train_step(self, interval: Interval) -> None:
        began, config = time.monotonic(), self.config
        self.model.train()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(config, self.step)
        batch = training_batch(self.corpus, config.batch_size, config.sequence_length, self.generator)
        logits_BSV, infos = self.model(batch.input_BS)
        loss, parts = total_loss(logits_BSV, batch.target_BS, infos)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.gradient_clip)
        if not (math.isfinite(parts["loss"]) and math.isfinite(norm)):
            raise DivergedError(
                f"the loss or its gradient is not finite at step {self.step + 1}; "
                f"lower learning_rate (now {config.learning_rate:g})"
            )
        self.optimiser.step()
        self.model.on_step(infos)
        self.step += 1
        interval.add(parts, infos, batch.target_BS.numel())
        interval.seconds += time.monotonic() - began

    @torch.no_grad()
    def _validate(self) -> None:
        self.model.eval()
        interval = Interval()
        for batch in self.validation:
            self._check_stop()
            began = time.monotonic()
            logits_BSV, infos = self.model(batch.input_BS)
            _, parts = total_loss(logits_BSV, batch.target_BS, infos)
            interval.add(parts, infos, batch.target_BS.numel())
            interval.seconds += time.monotonic() - began
            self._tell_progress()
        self.summary = interval.values()
        self.events.metrics(self.step, "valid", self.summary, interval.tally.loads())

    def _tell_progress(self) -> None:
        now = self.events.seconds
        if self.step < self.config.steps and now - self._told < PROGRESS_SECONDS:
            return
        if self._told == -math.inf:
            self._training_began = now
        self._told = now
        done, left = self.step - self._resumed_at, self.config.steps - self.step
        eta = (now - self._training_began) / done * left if done else None
        self.events.progress(self.step, self.config.steps, eta)

    def _check_stop(self) -> None:
        if self.stop():
            raise Cancelled

    def _save(self, folder: Path | None) -> None:
        if folder is not None and self.config.save_checkpoint:
            save_checkpoint(folder, self.entry.key, self.config, self.step, self.model, self.optimiser, self.generator)


def _optimiser(model: ByteTransformer, config: TextConfig) -> torch.optim.AdamW:
    matrices = [p for name, p in model.named_parameters() if p.dim() > 1 and "embedding" not in name]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.95), fused=True)


def _available_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):  # A container may own fewer than the machine has.
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

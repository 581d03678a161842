"""Saving a run and going on from it: weights, optimiser, generators, and the config they belong to."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from reference_impls.catalogue import find
from reference_impls.config import ConfigError, RunConfig, check_config

FILE_NAME = "checkpoint.pt"
# What a file may take: weights, the optimiser's two copies of them, and as much again; names and generators.
LARGEST_SHARE, SLACK = 6, 10_000_000


class CheckpointError(ValueError):
    """A file that is no checkpoint, or the checkpoint of another config; the message names the difference."""


def save_checkpoint(
    folder: Path,
    key: str,
    config: RunConfig,
    step: int,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
) -> Path:
    """Write `checkpoint.pt` into the folder; a reader sees the old file or the new one, never a half."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    partial = path.with_suffix(".tmp")
    torch.save(
        {
            "key": key,
            "config": config.model_dump(mode="json"),
            "step": step,
            "model": model.state_dict(),
            "optimiser": optimiser.state_dict(),
            "generator": generator.get_state(),
            "torch_generator": torch.get_rng_state(),
        },
        partial,
    )
    os.replace(partial, path)
    return path


def load_checkpoint(
    path: Path,
    key: str,
    config: RunConfig,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
) -> int:
    """Restore what `save_checkpoint` wrote, and torch's global generator; returns the step to go on from.

    Raises:
        CheckpointError: if the file cannot be read or belongs to another implementation or config.
    """
    largest = SLACK + LARGEST_SHARE * sum(value.nbytes for value in model.state_dict().values())
    if path.exists() and not path.is_dir() and (not path.is_file() or path.stat().st_size > largest):
        raise CheckpointError(f"{path} is not a checkpoint of a run: no regular file of at most {largest:,} bytes")
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if not {"key", "config", "step", "model", "optimiser"} <= saved.keys():
            raise KeyError("parts of it are missing")
        if not isinstance(saved["key"], str):
            raise TypeError("its key is no text")
    except Exception as error:  # torch.load raises a dozen kinds for a file that is not its own.
        # What it says of such a file is its own affair; what the system says of a file that it cannot read is not.
        if isinstance(error, OSError) and error.strerror:
            raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
        raise CheckpointError(f"{path} is not a checkpoint of a run") from error
    entry = find(saved["key"])  # by its key of today, if it had another
    if (saved["key"] if entry is None else entry.key) != key:
        raise CheckpointError(f"{path} is a checkpoint of {saved['key']}, not of {key}")
    try:
        theirs = check_config(type(config), saved["config"]).flat()
    except ConfigError as error:
        raise CheckpointError(f"{path} is a checkpoint of another config: {error}") from None
    ours = config.flat()
    differing = [
        f"{name} = {ours[name]!r} here, {theirs[name]!r} there"
        # Whether to write another checkpoint is free: every checkpoint comes from a run that wrote one.
        for name in sorted(ours.keys() - {"save_checkpoint"})
        if ours[name] != theirs[name]
    ]
    if differing:
        raise CheckpointError(f"{path} is a checkpoint of another config: {'; '.join(differing)}")
    try:
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        generator.set_state(saved["generator"])
        torch.set_rng_state(saved["torch_generator"])
        return int(saved["step"])
    except Exception as error:  # torch raises a kind of its own for each part that does not fit.
        raise CheckpointError(f"{path} is a damaged checkpoint: a part of it does not fit its config") from error

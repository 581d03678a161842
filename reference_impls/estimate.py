"""What a run will cost: parameters exactly, counted on the meta device; memory and time roughly."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from reference_impls.config import RunConfig
from reference_impls.tasks.sizes import frame

# Fitted to runs on two cores of a 2.6 GHz AMD EPYC (AVX-512), torch 2.13, float32.
FLOPS_PER_THREAD = 45e9
EXPERT_CALL_SECONDS = 250e-6
START_SECONDS = 5.0
START_BYTES = 350_000_000


@dataclass(frozen=True)
class Estimate:
    """Cost of a run on a CPU.

    Attributes:
        params_total: parameters of the model, embeddings included; exact.
        params_active: those that one token uses: experts it does not visit are left out, and of a router's tables and
            gates all but its own; exact where `active_experts` is.
        memory_bytes: peak resident memory of the process, right within a factor of about two.
        seconds: wall time from launch to end on an otherwise idle machine, right within a factor of
            about three on a machine like the one named above.
    """

    params_total: int
    params_active: int
    memory_bytes: int
    seconds: float


@dataclass(frozen=True)
class Counts:
    """Parameters of a model: in all, used by one token, and used by one token in training alone."""

    total: int
    active: int
    only_in_training: float


@lru_cache(maxsize=512)
def count(config: RunConfig, make_layer: Callable[[Any], Any]) -> Counts:
    """Parameters of the config's model, which is built without memory or arithmetic. Imports torch.

    Args:
        config: the run.
        make_layer: makes the feed-forwards with experts.
    """
    import torch

    from reference_impls.core.layer import MoELayer
    from reference_impls.tasks.train import TASKS

    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = TASKS[config.task.name].build(config, make_layer)
    total = sum(weight.numel() for weight in model.parameters())
    layers = [part for part in model.modules() if isinstance(part, MoELayer)]
    settings = config.layer
    active = settings.active_experts_of(config.optimiser.batch_size, frame(config).tokens_per_sequence)
    idle = sum(layer.idle_parameters(active) for layer in layers)
    more = (settings.trained_experts - settings.active_experts) / settings.n_experts
    return Counts(total, round(total - idle), more * sum(layer.routed_parameters() for layer in layers))


def estimate(config: RunConfig, make_layer: Callable[[Any], Any]) -> Estimate:
    """Cost of training with this config on its own number of threads. Imports torch, to count parameters."""
    counts, around, settings = count(config, make_layer), frame(config), config.layer
    D, F, E, B = settings.d_model, settings.d_expert, settings.n_experts, config.optimiser.batch_size
    n_moe, n_dense = around.moe_layers, around.dense_layers
    S = around.tokens_per_sequence
    used = settings.active_experts_of(B, S) + settings.trained_experts - settings.active_experts
    used += settings.always_active_experts
    tokens = around.copies * B * S
    # A forward pass is two operations a weight and token, and attention two products of S keys; backward
    # is twice that. A table is a look-up.
    forward_flops = tokens * (2 * (counts.active - around.looked_up) + 4 * around.attention_layers * S * D)
    training_flops = 3 * (forward_flops + 2 * tokens * counts.only_in_training)
    flops_per_second = FLOPS_PER_THREAD * config.threads
    calls_seconds = EXPERT_CALL_SECONDS * (n_moe * E + n_dense + around.attention_layers)
    step_seconds = training_flops / flops_per_second + calls_seconds + 25 * counts.total / 5e9
    steps, task = config.optimiser.steps, config.task
    validations = -(-steps // task.validation_every)
    validation_seconds = task.validation_sequences / B * (forward_flops / flops_per_second + calls_seconds / 3)
    seconds = START_SECONDS + steps * step_seconds + validations * validation_seconds

    # Weights, gradients and two moments; then what autograd keeps of each token: norms, attention and
    # hidden activations of every layer, the outputs thrice, and the experts' gathered inputs and outputs.
    hidden = settings.expert_matrices * 2 * F
    per_token = around.attention_layers * 14 * D + n_dense * hidden + n_moe * used * (hidden + 3 * D)
    per_token += 3 * around.outputs
    memory = START_BYTES + 4 * (4 * counts.total + round(tokens * per_token)) + around.data_bytes
    return Estimate(counts.total, counts.active, memory, seconds)

"""What a run will cost, from its config alone: parameters exactly, memory and time roughly."""

from dataclasses import dataclass

from reference_impls.configs.base import RunConfig
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


def estimate(config: RunConfig) -> Estimate:
    """Cost of training with this config on its own number of threads."""
    D, F, E, B = config.d_model, config.d_expert, config.n_experts, config.batch_size
    around = frame(config)
    n_moe, n_dense = around.moe_layers, around.dense_layers
    dense = config.expert_matrices * D * F
    shared = around.parameters + n_dense * dense + n_moe * config.always_active_experts * dense
    used = config.trained_experts + config.always_active_experts
    total = shared + n_moe * (config.router_parameters + E * config.expert_parameters)
    active = shared + n_moe * config.active_router_parameters
    active += round(n_moe * config.active_experts * config.expert_parameters)

    only_in_training = n_moe * (config.trained_experts - config.active_experts) * config.expert_parameters
    S = around.tokens_per_sequence
    tokens = around.copies * B * S
    # A forward pass is two operations a weight and token, and attention two products of S keys; backward
    # is twice that. A table is a look-up.
    forward_flops = tokens * (2 * (active - around.looked_up) + 4 * around.attention_layers * S * D)
    training_flops = 3 * (forward_flops + 2 * tokens * only_in_training)
    flops_per_second = FLOPS_PER_THREAD * config.threads
    calls_seconds = EXPERT_CALL_SECONDS * (n_moe * E + n_dense + around.attention_layers)
    step_seconds = training_flops / flops_per_second + calls_seconds + 25 * total / 5e9
    validations = -(-config.steps // config.validation_every)
    validation_seconds = config.validation_sequences / B * (forward_flops / flops_per_second + calls_seconds / 3)
    seconds = START_SECONDS + config.steps * step_seconds + validations * validation_seconds

    # Weights, gradients and two moments; then what autograd keeps of each token: norms, attention and
    # hidden activations of every layer, the outputs thrice, and the experts' gathered inputs and outputs.
    hidden = config.expert_matrices * 2 * F
    per_token = around.attention_layers * 14 * D + n_dense * hidden + n_moe * used * (hidden + 3 * D)
    per_token += 3 * around.outputs
    memory = START_BYTES + 4 * (4 * total + round(tokens * per_token)) + around.data_bytes
    return Estimate(total, active, memory, seconds)

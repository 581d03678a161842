"""Settings of the Switch Transformer's top-1 routing (`gating/switch.py`)."""

from reference_impls.configs.base import CapacityConfig, TopOneConfig, expert_width, layer_step, loss_weight, setting
from reference_impls.entry import Entry


class SwitchTop1Config(TopOneConfig, CapacityConfig):
    """Every other layer a Switch layer: one ReLU expert a token, with a capacity."""

    expert_kind = "relu"

    d_expert: int = expert_width(256)
    moe_every: int = layer_step(2)
    balance_coefficient: float = loss_weight(0.01, "the load-balancing loss of each Switch layer")
    z_coefficient: float = loss_weight(0.0, "the router z-loss of each Switch layer (0: none)")
    jitter: float = setting(
        0.01, "In training the router's input is multiplied by noise in [1 - jitter, 1 + jitter].", ge=0, lt=1
    )
    initial_scale: float = setting(
        0.1, "Scale s of a Switch layer's initial weights: standard deviation sqrt(s / inputs).", gt=0, le=10
    )


ENTRIES = (
    Entry(
        key="switch-top1",
        name="Switch top-1",
        summary="Each token goes to its single most probable expert, which takes a limited number of tokens.",
        family="token choice",
        year=2021,
        designs=("switch-top1-router", "load-balancing-loss"),
        papers=("switch-transformer",),
        causal="yes",
        oracle="transformers: SwitchTransformersSparseMLP with its router, balancing loss and z-loss",
        deviations=(
            "a decoder-only byte-level language model instead of T5",
            "input noise multiplies the router's input (authors' configuration), in training only; "
            "the paper's pseudocode adds it to the logits",
            "all C places of an expert are filled; the pseudocode's comparison leaves one empty",
            "routing groups are sequences (or the batch), not the tokens of an accelerator core",
            "capacity is rounded up",
            "no expert dropout",
        ),
        config_class=SwitchTop1Config,
        gating="switch",
    ),
)

"""What this package can run. Importing it does not import torch."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reference_impls.configs.base import TextConfig
from reference_impls.configs.deepseek_v3 import DeepSeekV3Config
from reference_impls.configs.gshard import GShardTop2Config
from reference_impls.configs.mixtral import MixtralTop2Config
from reference_impls.configs.switch import SwitchTop1Config
from reference_impls.estimate import Estimate, estimate


@dataclass(frozen=True)
class Entry:
    """One implementation.

    Attributes:
        key: what `run` is told.
        name: for people.
        summary: one line.
        designs: keys of the design records that it implements.
        papers: keys of the papers that describe them.
        status: `partial` if the sources leave a part undefined; the page then names it.
        tasks: what it can be trained on.
        oracle: what it was checked against.
        deviations: where it departs from the paper or the authors' code.
        config_class: a pydantic model; every field has bounds, a default and a description.
        gating: the module of `reference_impls.gating` that makes its layers.
        module: `python -m <module> run <key>` runs it.
    """

    key: str
    name: str
    summary: str
    designs: tuple[str, ...]
    papers: tuple[str, ...]
    status: Literal["complete", "partial"]
    tasks: tuple[str, ...]
    oracle: str
    deviations: tuple[str, ...]
    config_class: type[TextConfig]
    gating: str
    module: str = "reference_impls"

    @property
    def page(self) -> str:
        """The implementation's page in Markdown with `$`-delimited LaTeX: its gating module's docstring."""
        source = Path(__file__).parent / "gating" / f"{self.gating}.py"
        return ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""

    def estimate(self, config: TextConfig) -> Estimate:
        """Memory, time and parameters of a run with this config."""
        return estimate(config)


_ENTRIES = (
    Entry(
        key="switch-top1",
        name="Switch top-1",
        summary="Each token goes to its single most probable expert, which takes a limited number of tokens.",
        designs=("switch-top1-router",),
        papers=("switch-transformer",),
        status="complete",
        tasks=("text",),
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
    Entry(
        key="gshard-top2",
        name="GShard top-2",
        summary="Each token goes to its best expert and, with some chance, to the second; experts have a capacity.",
        designs=("gshard-top2",),
        papers=("gshard",),
        status="complete",
        tasks=("text",),
        oracle="transformers: NllbMoeTop2Router (policy `all`), weights and gradients; the layer, its losses and "
        "the random policy against a float64 loop",
        deviations=(
            "a decoder-only byte-level language model instead of an encoder-decoder for translation",
            "outside training the second expert is always used by default; the Mesh TensorFlow code is random "
            "there, too",
            "routing groups are sequences (or the batch)",
            "capacity is rounded up; the Mesh TensorFlow code rounds down",
            "the balancing loss has the scale that makes perfect balance 1",
        ),
        config_class=GShardTop2Config,
        gating="gshard",
    ),
    Entry(
        key="mixtral-top2",
        name="Mixtral top-2",
        summary="Each token goes to its two best experts, weighted by a softmax over both; no drops.",
        designs=("mixtral-top2-router",),
        papers=("mixtral",),
        status="complete",
        tasks=("text",),
        oracle="transformers: MixtralSparseMoeBlock and its load-balancing loss",
        deviations=(
            "the paper states no balancing loss; coefficient as in the released configuration, form as in "
            "transformers but taken layer by layer",
            "a byte-level model of a few layers with ordinary multi-head attention",
        ),
        config_class=MixtralTop2Config,
        gating="mixtral",
    ),
    Entry(
        key="deepseek-v3",
        name="DeepSeek-V3",
        summary="Sigmoid scores; a bias on each expert, nudged after every step, evens the load; experts in groups.",
        designs=("deepseek-v3-router",),
        papers=("deepseek-v3",),
        status="complete",
        tasks=("text",),
        oracle="transformers: DeepseekV3MoE, outputs and gradients; bias update and balancing loss against a "
        "float64 loop",
        deviations=(
            "experts in every layer, few and small, and ordinary multi-head attention",
            "the biases move after each batch of one process; there is no expert parallelism to sum loads over",
            "no multi-token prediction",
        ),
        config_class=DeepSeekV3Config,
        gating="deepseek_v3",
    ),
)


def entries() -> tuple[Entry, ...]:
    """Everything that can be run, in the order to show it in."""
    return _ENTRIES


def find(key: str) -> Entry | None:
    """The entry of this key."""
    return next((entry for entry in _ENTRIES if entry.key == key), None)

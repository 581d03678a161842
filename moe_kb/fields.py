"""What is known of a configuration, a model, a score or a gate, field by field: label, unit, meaning, kind of axis.

A field is declared here once. The views of the database, the data dictionary, tables, charts, filters, the audit and
the command line take their columns and words from here. Imports nothing of the package.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Axis = Literal["log", "linear", "words"]
Group = Literal["size", "layer", "computed", "word", "model", "training", "benchmark", "gating"]
"""Where a field belongs: `size` and `layer` are numbers of a configuration, `word` its words; `computed` follows from
others; `model` is about the model as a whole."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field."""

    name: str
    label: str
    unit: str = ""
    description: str = ""
    group: Group = "model"
    axis: Axis = "words"
    """`log` where its values span orders of magnitude; `words` where they are no numbers."""
    symbol: str = ""
    """LaTeX, where the field has a usual letter."""

    @property
    def title(self) -> str:
        """Axis title: the label with its unit, as far as the label does not say it already."""
        first, _, rest = self.unit.partition(" ")
        unit = rest if first and first in self.label.lower() else self.unit
        return f"{self.label} ({unit})" if unit else self.label

    @property
    def log(self) -> bool:
        """Whether a logarithmic axis is the sensible one."""
        return self.axis == "log"


def _by_name(fields: Iterable[Field]) -> dict[str, Field]:
    return {field.name: field for field in fields}


#: Numbers of a configuration, in the order of the view `hyperparameters`.
HYPERPARAMETERS = _by_name(
    Field(*row)
    for row in (
        ("params_total", "Total parameters", "parameters", "All parameters", "size", "log", "N"),
        ("params_active", "Active parameters", "parameters per token", "Parameters a token uses", "size", "log"),
        ("n_layers", "Layers", "layers", "Layers, of both stacks where there are two", "layer", "linear", "L"),
        ("n_moe_layers", "MoE layers", "layers", "Layers with a mixture of experts", "layer", "linear"),
        ("d_model", "Model width", "dimensions", "Width of the residual stream", "layer", "log", "D"),
        ("d_ffn", "Dense FFN width", "dimensions", "Hidden width of the dense feed-forward networks", "layer", "log"),
        ("d_expert", "Expert width", "dimensions", "Hidden width of a routed expert", "layer", "log", "F"),
        ("n_heads", "Query heads", "heads", "Query heads", "layer", "log", "H"),
        ("n_kv_heads", "Key-value heads", "heads", "Key-value heads", "layer", "log", "G"),
        ("d_head", "Head width", "dimensions", "Width of a head", "layer", "log", "d"),
        ("n_routed_experts", "Routed experts", "experts per layer", "Routed experts in a layer", "layer", "log", "E"),
        (
            "n_shared_experts",
            "Shared experts",
            "experts per layer",
            "Experts in a layer that every token uses",
            "layer",
            "linear",
            "S",
        ),
        (
            "experts_per_token",
            "Active routed experts",
            "experts per token",
            "Routed experts that a token uses in a layer",
            "layer",
            "log",
            "k",
        ),
        (
            "n_experts_total",
            "All experts",
            "experts per layer",
            "Experts in a layer as tables print them; whether shared ones count is in claims",
            "layer",
            "log",
        ),
        (
            "n_experts_active",
            "All active experts",
            "experts per token",
            "Experts that a token uses as tables print them; whether shared ones count is in claims",
            "layer",
            "log",
        ),
        ("vocab_size", "Vocabulary", "entries", "Entries of the embedding", "size", "log", "V"),
        ("context_length", "Positions in the configuration", "tokens", "Positions the file allows", "size", "log"),
        ("supported_context", "Supported context", "tokens", "Context that the makers say it supports", "size", "log"),
    )
)

#: Words of a configuration, in the order of the view `hyperparameters`.
HYPERPARAMETER_WORDS = _by_name(
    Field(name, label, description=description, group="word")
    for name, label, description in (
        ("activation", "Activation", "Activation of the experts"),
        ("moe_placement", "Placement of MoE layers", "Which layers hold the experts, as printed"),
        ("tied_embeddings", "Tied embeddings", "Whether input and output embeddings are one tensor"),
        ("router", "Router", "Key of the router's design"),
    )
)

#: Numbers that configurations have: what can be an axis.
MEASURES = HYPERPARAMETERS | _by_name(
    (
        Field("active_share", "Active share of parameters", "percent", "Active over total", "computed", "linear"),
        Field("year", "Year of release", "", "Year of the release date", "computed", "linear"),
    )
)

#: Scores that tables of surveys, reports and repositories print, percent.
BENCHMARKS = _by_name(
    Field(name, label, "percent", f"Score of {label}", "benchmark", "linear")
    for name, label in (
        ("mmlu", "MMLU"),
        ("gsm8k", "GSM8K"),
        ("math", "MATH"),
        ("humaneval", "HumanEval"),
        ("mmlu_pro", "MMLU-Pro"),
        ("mmlu_redux", "MMLU-Redux"),
        ("gpqa_diamond", "GPQA Diamond"),
        ("aime_2024", "AIME 2024"),
        ("aime_2025", "AIME 2025"),
        ("math_500", "MATH-500"),
        ("livecodebench", "LiveCodeBench"),
        ("swe_bench_verified", "SWE-bench Verified"),
    )
)

_MODEL = _by_name(
    Field(name, label)
    for name, label in (
        ("released", "Release date"),
        ("organisation", "Organisation"),
        ("openness", "Openness"),
        ("domain", "Domain"),
        ("licence", "Licence"),
        ("papers", "Papers"),
        ("weights", "Weights"),
        ("report", "Report"),
        ("repository", "Repository"),
        ("name", "Name"),
    )
)
_TRAINING = _by_name(
    (
        Field("w_aux", "Weight of the auxiliary loss", group="training", axis="log"),
        Field("w_z", "Weight of the router z-loss", group="training", axis="log"),
    )
)

#: Every field that a model, a configuration or a score may have, in reading order.
FIELDS = MEASURES | _MODEL | HYPERPARAMETER_WORDS | BENCHMARKS | _TRAINING

#: What points can be coloured by.
COLOUR_BY = {
    "openness": "Openness",
    "organisation": "Organisation",
    "year": "Year",
    "described_by": "Described by",
    "router": "Router",
    "activation": "Activation",
}

#: Typed properties of a gating design in reading order; what each means is in the data dictionary.
GATING_PROPERTIES = _by_name(
    Field(name, label, group="gating")
    for name, label in (
        ("chooser", "Who chooses"),
        ("experts_per_token", "Experts per token"),
        ("k", "k"),
        ("score", "Score"),
        ("order", "Order"),
        ("renormalised", "Renormalised"),
        ("second_choice", "Second choice"),
        ("noise", "Noise"),
        ("selection_bias", "Selection bias"),
        ("granularity", "Granularity"),
        ("trainable", "Trainable"),
        ("differentiable", "Differentiable"),
        ("autoregressive_safe", "Autoregressive-safe"),
        ("capacity_train", "Capacity in training"),
        ("capacity_eval", "Capacity in evaluation"),
        ("overflow", "Overflow"),
        ("groups", "Groups"),
        ("shared_experts", "Shared experts"),
        ("null_experts", "Null experts"),
        ("balancing", "Balancing"),
        ("cost_per_token", "Cost per token"),
        ("train_inference_difference", "Training against inference"),
    )
)
#: The properties that a comparison of gates shows first.
MAIN_GATING_PROPERTIES = (
    "chooser",
    "experts_per_token",
    "k",
    "score",
    "order",
    "renormalised",
    "granularity",
    "differentiable",
    "autoregressive_safe",
)

#: Shown where no source gives a value.
NOT_REPORTED = "not reported"

#: What people read for the codes of closed vocabularies, by field; a code that is not here is a word already. Records,
#: SQL and JSON keep the codes.
_VALUES = {
    "chooser": {
        "token": "each token",
        "expert": "each expert",
        "solver": "an assignment solver",
        "fixed": "a fixed rule",
        "none": "no choice: all experts",
    },
    "experts_per_token": {"fixed-k": "fixed k"},
    "score": {"sqrt-softplus": "square root of softplus", "relu": "ReLU"},
    "order": {
        "softmax-then-topk": "softmax, then top-k",
        "topk-then-softmax": "top-k, then softmax",
        "topk-only": "top-k only",
        "not-applicable": "—",
        "score-then-topk": "score, then top-k",
        "topk-then-score": "top-k, then score",
        "hash": "fixed by the token's id",
        "other": "another order of score and choice",
    },
    "differentiable": {"through-weights": "through the chosen weights"},
    "overflow": {
        "dropped": "excess tokens dropped",
        "next-expert": "excess tokens to the next expert",
        "padded": "free capacity padded",
        "none": "none, no token dropped",
    },
    "counting": {
        "incl-shared": "with shared experts",
        "excl-shared": "without shared experts",
        "unclear": "unclear whether with shared experts",
    },
    "scope": {
        "text-model-without-mtp": "text model without multi-token prediction",
        "with-mtp-and-duplicates": "with multi-token prediction and duplicates",
        "mtp-layer": "layer of multi-token prediction",
    },
    "group_score": {"max": "its best score", "top2-sum": "sum of its two best scores"},
}
#: Vocabularies whose codes are words joined by dashes.
_DASHED = frozenset({"scope", "relation", "qk_norm", "norm", "kind"})


def label_of(field: str) -> str:
    """What people call a field, listed or not.

    >>> label_of("d_model"), label_of("params_embedding"), label_of("n_stages")
    ('Model width', 'Parameters, embedding', 'N stages')
    """
    if field in FIELDS:
        return FIELDS[field].label
    return field.replace("params_", "parameters, ").replace("_", " ").capitalize()


def in_sentence(field: str) -> str:
    """What people call a field within a sentence.

    >>> in_sentence("n_moe_layers"), in_sentence("d_model")
    ('MoE layers', 'model width')
    """
    return " ".join(word if word[1:] != word[1:].lower() else word.lower() for word in label_of(field).split())


def value_label(field: str, value: str) -> str:
    """What people read for a value of a field: the words for a code, any other value as it is.

    >>> value_label("order", "topk-then-softmax"), value_label("scope", "whole-multimodal-model"), value_label("k", "2")
    ('top-k, then softmax', 'whole multimodal model', '2')
    """
    word = _VALUES.get(field, {}).get(value, value)
    return word.replace("-", " ") if word == value and field in _DASHED else word

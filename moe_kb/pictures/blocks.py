"""An architecture in words: the blocks of its picture, before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from moe_kb.fields import value_label
from moe_kb.pictures.settings import ACTIVATIONS, KINDS, facts, width_text
from moe_kb.records.architecture import Architecture, LayerGroup, Stack
from moe_kb.records.sublayers import (
    AnySublayer,
    Attention,
    AttentionExperts,
    CompressedAttention,
    Dense,
    Indexer,
    LatentAttention,
    LinearAttention,
    Mixture,
    Router,
    ShortConvolution,
    StateSpace,
    UnknownMixer,
    Weight,
)

Slot = Literal["embedding", "mixer", "feed-forward", "router", "norm", "layers", "head", "prediction", "other"]
"""What a block is compared with in another model."""
Family = Literal["blue", "green", "orange", "grey"]
"""Colour: attention, linear mixers, experts, all else."""

NOT_REPORTED = "not reported"
NORMS = {"rms": "RMSNorm", "layer": "LayerNorm", "layer-without-bias": "LayerNorm without bias", None: "Norm"}
_QK_NORMS = {
    "none": "queries and keys not normalised",
    "per-head": "norm of queries and keys, per head",
    "across-heads": "norm of queries and keys, over all heads",
    "weightless": "norm of queries and keys, no weights",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A box in words."""

    slot: Slot
    family: Family
    title: str
    phrases: tuple[str, ...] = ()
    explanation: str = ""
    """Everything that the record states of it."""
    stated: bool = True
    """Whether the record says that it is there; what it leaves open is dashed."""
    kind: str = ""
    """What it is, where the title says more than that."""

    @property
    def what(self) -> str:
        """What it is, without its numbers."""
        return self.kind or self.title

    @property
    def said(self) -> tuple[str, ...]:
        """Its title and phrases."""
        return self.title, *self.phrases


@dataclass(frozen=True, slots=True)
class Grid:
    """Experts to be drawn as squares, the active ones lit."""

    routed: int
    active: int
    shared: int = 0
    zero: int = 0
    groups: int = 1
    active_groups: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A sublayer: its box, its norms, where its input comes from, and the experts in it."""

    block: Block
    short: str
    norms: int
    input_of: int | None
    router: Block | None = None
    grid: Grid | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """Layers that are all alike."""

    letter: str
    parts: tuple[Part, ...]
    number: int
    of: int
    places: str

    @property
    def short(self) -> str:
        """What it is made of, in a few words."""
        return " + ".join(part.short for part in self.parts)


@dataclass(frozen=True, slots=True)
class Group:
    """Layers that repeat: one kind of layer, or a pattern."""

    repeat: int
    layer: Layer | None
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """A stack."""

    block: Block
    groups: tuple[Group, ...]
    layers: tuple[Layer, ...]
    crosses: bool
    """Whether it attends to the encoder."""


@dataclass(frozen=True, slots=True)
class Model:
    """All blocks of a picture."""

    embedding: Block
    norm: Block
    head: Block
    prediction: Block | None
    other: Block | None
    sides: Mapping[str, Side]

    @property
    def layers(self) -> list[Layer]:
        """Its different layers, from the input up."""
        return [layer for side in self.sides.values() for layer in side.layers]

    def blocks(self) -> Iterator[Block]:
        """Every box."""
        yield from (self.embedding, self.norm, self.head)
        yield from (block for block in (self.prediction, self.other) if block)
        for side in self.sides.values():
            yield side.block
            for layer in side.layers:
                for part in layer.parts:
                    yield part.block
                    if part.router:
                        yield part.router

    def said(self) -> dict[Slot, set[str]]:
        """What it says, by what it is compared with."""
        out: dict[Slot, set[str]] = {}
        for block in self.blocks():
            out.setdefault(block.slot, set()).update((block.what, *block.said))
        return out


def model(architecture: Architecture, designs: Mapping[str, str]) -> Model:
    """The blocks of an architecture.

    Args:
        architecture: What one source says.
        designs: Names of gating designs by key.
    """
    windows = any(
        getattr(part, "window", None) for stack in architecture.stacks.values() for part in _sublayers(stack.groups)
    )
    sides: dict[str, Side] = {}
    letters = _letters()
    for name, stack in architecture.stacks.items():
        sides[name] = _side(name, stack, architecture, letters, windows=windows, designs=designs)
    entries, width = architecture.vocab_size, architecture.d_model
    of_vocabulary = f"{entries:,} entries" if entries else f"vocabulary {NOT_REPORTED}"
    tied = {
        True: "one tensor with the embedding (tied)",
        False: "weights of its own",
        None: f"tied or not: {NOT_REPORTED}",
    }
    predicted = architecture.n_mtp_layers
    return Model(
        embedding=Block(
            "embedding",
            "grey",
            "Token embedding",
            (
                of_vocabulary,
                f"width {width:,}" if width else f"width {NOT_REPORTED}",
                *([f"{architecture.context_length:,} positions in config"] if architecture.context_length else []),
            ),
            stated=entries is not None,
        ),
        norm=Block("norm", "grey", _norm(architecture), stated=architecture.norm is not None),
        head=Block(
            "head",
            "grey",
            "Output head",
            (of_vocabulary, tied[architecture.tied_embeddings]),
            stated=entries is not None and architecture.tied_embeddings is not None,
        ),
        prediction=Block(
            "prediction",
            "blue",
            "Multi-token prediction",
            (f"{predicted} layer{'s' if predicted > 1 else ''} beyond the stack",),
        )
        if predicted
        else None,
        other=Block(
            "other", "grey", "Other tensors", _tensors(architecture.weights), "; ".join(_tensors(architecture.weights))
        )
        if architecture.weights
        else None,
        sides=sides,
    )


def _norm(architecture: Architecture) -> str:
    return NORMS[architecture.norm] + ("" if architecture.norm else f": kind {NOT_REPORTED}")


def _letters() -> Iterator[str]:
    """A, B, …, Z, AA, AB, …"""
    number = 0
    while True:
        number += 1
        text, rest = "", number
        while rest:
            rest, digit = divmod(rest - 1, 26)
            text = chr(65 + digit) + text
        yield text


def _sublayers(groups: list[LayerGroup]) -> Iterator[AnySublayer]:
    for group in groups:
        yield from group.sublayers or []
        yield from _sublayers(group.groups or [])


def _side(
    name: str,
    stack: Stack,
    architecture: Architecture,
    letters: Iterator[str],
    *,
    windows: bool,
    designs: Mapping[str, str],
) -> Side:
    kinds: list[tuple[list[AnySublayer], Layer]] = []
    places: list[list[int]] = []
    # Repeats yield the very same list again, so each is compared with the others once.
    which: dict[int, int] = {}
    for place, sublayers in enumerate(stack.layers(), 1):
        if id(sublayers) not in which:
            number = next((n for n, (known, _) in enumerate(kinds) if known == sublayers), len(kinds))
            if number == len(kinds):
                parts = tuple(_part(sublayer, windows=windows, designs=designs) for sublayer in sublayers)
                kinds.append((sublayers, Layer(next(letters), parts, 0, stack.n_layers, "")))
                places.append([])
            which[id(sublayers)] = number
        places[which[id(sublayers)]].append(place)
    layers = tuple(
        replace(layer, number=len(at), places=_places(at) if stack.order == "known" else "order not reported")
        for (_, layer), at in zip(kinds, places, strict=True)
    )

    def group(given: LayerGroup) -> Group:
        if given.sublayers is not None:
            return Group(given.repeat, layers[which[id(given.sublayers)]])
        return Group(given.repeat, None, tuple(group(inner) for inner in given.groups or []))

    phrases = []
    if stack.order == "unknown":
        phrases.append("order of the layers not reported")
    if architecture.residual_streams and architecture.residual_streams > 1:
        phrases.append(f"{architecture.residual_streams} residual streams (hyper-connections)")
    if name == "stack":
        phrases.append("encoder or decoder: not reported")
    title = {"stack": "Layers"}.get(name, name.capitalize())
    number = stack.n_layers
    return Side(
        Block("layers", "grey", f"{title}: {number:,} layer{'s' if number > 1 else ''}", tuple(phrases), kind=title),
        tuple(group(given) for given in stack.groups),
        layers,
        crosses=any(isinstance(part, Attention) and part.cross for part in _sublayers(stack.groups)),
    )


def _places(places: list[int]) -> str:
    """Where layers stand, counted from 1 at the input.

    >>> _places([1, 2, 3]), _places([4, 8, 12]), _places([7]), _places([1, 3, 4, 6, 9, 12, 13, 15])
    ('layers 1–3', 'every 4th layer, 4 to 12', 'layer 7', 'layers 1, 3–4, 6, 9, …')
    """
    if len(places) == 1:
        return f"layer {places[0]}"
    steps = {after - before for before, after in pairwise(places)}
    if len(places) > 2 and len(steps) == 1 and steps != {1}:
        step = steps.pop()
        nth = {2: "2nd", 3: "3rd"}.get(step, f"{step}th")
        return f"every {nth} layer, {places[0]} to {places[-1]}"
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1] = [runs[-1][0], place]
        else:
            runs.append([place])
    shown = ["–".join(map(str, run)) for run in runs]
    return "layers " + ", ".join(shown if len(shown) <= 5 else [*shown[:4], "…"])


# --- sublayers ---------------------------------------------------------------------------------------------------


def _part(sublayer: AnySublayer, *, windows: bool, designs: Mapping[str, str]) -> Part:
    title, short, phrases = _words(sublayer, windows=windows)
    phrases += _tensors(sublayer.weights)
    slot: Slot = "feed-forward" if isinstance(sublayer, (Dense, Mixture)) else "mixer"
    block = Block(
        slot,
        _family(sublayer),
        title,
        tuple(phrases),
        _explained(title, facts(sublayer, designs)),
        stated=not isinstance(sublayer, UnknownMixer),
        kind=title.partition(":")[0],
    )
    part = Part(block, short, 1 if sublayer.norms is None else sublayer.norms, sublayer.input_of)
    if isinstance(sublayer, (Mixture, AttentionExperts)):
        router = sublayer.router
        grouped = bool(router and router.n_groups and sublayer.n_routed_experts % router.n_groups == 0)
        return replace(
            part,
            router=_router(router, designs),
            grid=Grid(
                sublayer.n_routed_experts,
                sublayer.experts_per_token,
                sublayer.shared.count if isinstance(sublayer, Mixture) and sublayer.shared else 0,
                sublayer.zero.count if isinstance(sublayer, Mixture) and sublayer.zero else 0,
                router.n_groups or 1 if router and grouped else 1,
                router.top_groups or router.n_groups or 1 if router and grouped else 1,
            ),
        )
    return part


def _family(sublayer: AnySublayer) -> Family:
    match sublayer:
        case Mixture() | AttentionExperts():
            return "orange"
        case StateSpace() | LinearAttention() | ShortConvolution():
            return "green"
        case Dense() | UnknownMixer():
            return "grey"
    return "blue"


def _explained(title: str, stated: list[tuple[str, str]]) -> str:
    return f"{title}. " + "; ".join(f"{name}: {value}" for name, value in stated)


def _words(sublayer: AnySublayer, *, windows: bool) -> tuple[str, str, list[str]]:
    """Title, a short name, and what is worth saying of a sublayer."""
    title = KINDS[sublayer.kind]
    match sublayer:
        case Attention():
            return _attention(sublayer, windows=windows)
        case LatentAttention():
            phrases = [
                f"{sublayer.n_heads} heads",
                f"KV rank {sublayer.kv_rank:,}",
                f"query rank {sublayer.q_rank:,}" if sublayer.q_rank else "plain query projection",
                f"head size {sublayer.d_nope} + {sublayer.d_rope} rotary",
                f"value head size {sublayer.d_value}",
                *_reach(sublayer.window, sublayer.indexer, windows=windows),
            ]
            return title, "MLA", phrases
        case CompressedAttention():
            reach = f"window {sublayer.window:,}"
            beyond = f"beyond it an entry for every {sublayer.ratio} tokens" if sublayer.ratio else "the window only"
            phrases = [
                f"{sublayer.n_heads} query heads",
                "1 KV head",
                f"head size {sublayer.d_head} ({sublayer.d_rope} rotary)",
                f"query rank {sublayer.q_rank:,}",
                reach,
                beyond,
                f"output through {sublayer.o_groups} groups of {sublayer.o_rank:,}",
                *_flag(sublayer.sinks, "attention sinks"),
                *_indexer(sublayer.indexer),
            ]
            return title, f"Compressed {sublayer.ratio}:1" if sublayer.ratio else "Window only", phrases
        case AttentionExperts():
            phrases = [
                f"{sublayer.experts_per_token} of {sublayer.n_routed_experts:,} experts per token",
                f"{sublayer.n_heads} heads per expert",
                f"{sublayer.n_kv_heads} KV heads, for all experts",
                f"head size {sublayer.d_head}",
                *_flag(sublayer.output_bias, "output bias"),
            ]
            return title, "MoA", phrases
        case StateSpace():
            named = {
                "n_heads": "{:,} heads",
                "d_head": "head size {:,}",
                "d_state": "state {:,}",
                "d_conv": "convolution {:,}",
                "expand": "expansion {:,}",
                "dt_rank": "step rank {:,}",
                "n_groups": "{:,} groups",
            }
        case LinearAttention():
            named = {
                "n_heads": "{:,} heads",
                "n_key_heads": "{:,} key heads",
                "d_key": "key head size {:,}",
                "d_value": "value head size {:,}",
                "d_conv": "convolution {:,}",
            }
            phrases = [text.format(value) for name, text in named.items() if (value := getattr(sublayer, name))]
            phrases += [*_flag(sublayer.output_gate, "output gate"), *_flag(sublayer.full_gates, "gates of full width")]
            return title, {"gated-deltanet": "DeltaNet", "kda": "KDA"}.get(sublayer.kind, "Lightning"), phrases
        case ShortConvolution():
            return title, "Convolution", [f"kernel {sublayer.d_conv}"]
        case UnknownMixer():
            return title, "Mixer ?", [sublayer.note] if sublayer.note else []
        case Dense():
            phrases = [f"width {width_text(sublayer.d_ffn)}", *_activation(sublayer.activation)]
            return title, "FFN", [*phrases, *_flag(sublayer.bias, "biases")]
        case Mixture():
            return _mixture(sublayer)
    return title, title, [text.format(value) for name, text in named.items() if (value := getattr(sublayer, name))]


def _attention(sublayer: Attention, *, windows: bool) -> tuple[str, str, list[str]]:
    heads, pairs = sublayer.n_heads, sublayer.n_kv_heads
    if pairs is None:
        title, short = "Attention", "Attention"
    elif pairs == heads:
        title, short = "Multi-head attention", "MHA"
    else:
        title, short = ("Multi-query attention", "MQA") if pairs == 1 else ("Grouped-query attention", "GQA")
    if sublayer.cross:
        title, short = f"Cross-attention ({short})" if pairs else "Cross-attention", "Cross"
    elif sublayer.window:
        short = f"Window {short}"
    phrases = [
        f"{heads:,} query heads" if pairs else f"{heads:,} heads",
        *([f"{pairs:,} KV head{'s' if pairs > 1 else ''}"] if pairs else []),
        *([f"head size {sublayer.d_head:,}"] if sublayer.d_head else []),
        *([f"value head size {sublayer.d_value:,}"] if sublayer.d_value else []),
        *(["to the encoder"] if sublayer.cross else _reach(sublayer.window, sublayer.indexer, windows=windows)),
        *([_QK_NORMS[sublayer.qk_norm]] if sublayer.qk_norm and sublayer.qk_norm != "none" else []),
        *_flag(sublayer.sinks, "attention sinks"),
        *_flag(sublayer.output_gate, "output gate"),
        *_flag(sublayer.qkv_bias, "bias of Q, K, V"),
        *_flag(sublayer.output_bias, "output bias"),
        *_flag(sublayer.values_are_keys, "values are the keys"),
        *_flag(sublayer.shares_kv_with_previous, "keys and values of the layer before"),
    ]
    return title, short, phrases


def _mixture(sublayer: Mixture) -> tuple[str, str, list[str]]:
    chosen, routed = sublayer.experts_per_token, sublayer.n_routed_experts
    upper = "up to " if sublayer.zero else ""
    title = f"MoE layer: {upper}{chosen} of {routed + (sublayer.zero.count if sublayer.zero else 0):,} experts"
    phrases = [f"expert width {width_text(sublayer.d_expert)}", *_activation(sublayer.activation)]
    if sublayer.shared:
        number, width = sublayer.shared.count, sublayer.shared.d_expert
        phrases.append(f"{number} shared, width {width:,}" + (", gated" if sublayer.shared.gate == "sigmoid" else ""))
    if sublayer.zero:
        returned = {"identity": "return the input", "zero": "return nothing", "constant": "return a constant"}
        phrases.append(f"{sublayer.zero.count:,} of them compute nothing and {returned[sublayer.zero.kind]}")
    if sublayer.d_latent:
        phrases.append(f"routed experts in a latent width of {sublayer.d_latent:,}")
    phrases += [*_flag(sublayer.bias, "biases"), *_flag(sublayer.output_bias, "output bias")]
    phrases += [f"per expert also {tensor}" for tensor in _tensors(sublayer.expert_weights)]
    return title, "MoE", phrases


def _router(router: Router | None, designs: Mapping[str, str]) -> Block:
    if router is None:
        return Block("router", "orange", f"Router: {NOT_REPORTED}", stated=False)
    phrases = [
        *([value_label("score", router.score)] if router.score else []),
        *([value_label("order", router.order)] if router.order else []),
        *_flag(router.renormalise, "weights sum to one", "weights not renormalised"),
        *([f"weights × {router.scale:g}"] if router.scale is not None else []),
        *(["weights multiply the input"] if router.weights_on == "input" else []),
        *_flag(router.selection_bias, "bias for the choice only"),
        *_flag(router.logit_bias, "bias of the logits"),
    ]
    if router.n_groups and router.n_groups > 1:
        limited = (
            f"{router.top_groups} of {router.n_groups} groups" if router.top_groups else f"{router.n_groups} groups"
        )
        by = {"max": ", by their best", "top2-sum": ", by their two best", None: ""}
        phrases.append(limited + by[router.group_score])
    if router.product_keys:
        phrases.append(f"{router.product_keys:,} product keys in each half")
    if router.second_expert:
        drawn = {
            "always": "second expert always",
            "random": "second expert at random",
            "sampled": "second expert sampled",
        }
        phrases.append(drawn[router.second_expert])
    if router.jitter:
        phrases.append(f"jitter {router.jitter:g} in training")
    if router.capacity:
        phrases.append(f"capacity {router.capacity:,} tokens")
    if router.capacity_factor is not None:
        in_evaluation = router.capacity_factor_eval
        phrases.append(
            f"capacity factor {router.capacity_factor:g}"
            + (f", {in_evaluation:g} in evaluation" if in_evaluation is not None else "")
        )
    if router.min_capacity:
        phrases.append(f"capacity at least {router.min_capacity:,}")
    if router.group_size:
        phrases.append(f"tokens compete in groups of {router.group_size:,}")
    phrases += _flag(router.drop_tokens, "drops tokens beyond capacity", "no drops")
    if router.note:
        phrases.append(router.note)
    name = designs.get(router.design or "", router.design)
    explained = _explained("Router", facts(router, designs))
    return Block("router", "orange", f"Router: {name}" if name else "Router", tuple(phrases), explained)


def _reach(window: int | None, indexer: Indexer | None, *, windows: bool) -> list[str]:
    """How far attention looks; that it looks at all is said only where other layers do not."""
    reach = [f"sliding window {window:,}"] if window else []
    return reach + _indexer(indexer) or (["full attention"] if windows else [])


def _indexer(indexer: Indexer | None) -> list[str]:
    if indexer is None:
        return []
    if indexer.takes_over_choice:
        return [f"looks at the {indexer.top_k:,} tokens that the layer before picked"]
    return [f"sparse: an indexer ({indexer.n_heads} heads of {indexer.d_head}) picks {indexer.top_k:,}"]


def _flag(value: bool | None, yes: str, no: str = "") -> list[str]:
    said = {True: yes, False: no, None: ""}[value]
    return [said] if said else []


def _activation(activation: str | None) -> list[str]:
    return [ACTIVATIONS[activation]] if activation else []


def _tensors(weights: list[Weight]) -> tuple[str, ...]:
    return tuple(
        f"{weight.name} ({' × '.join(f'{side:,}' for side in weight.shape)}{', looked up' if weight.table else ''})"
        for weight in weights
    )

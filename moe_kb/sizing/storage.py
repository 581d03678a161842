"""Bytes of a configuration's weights, part by part: as its checkpoint keeps them, or all in one format.

As released, every matrix that a format of the checkpoint names takes that format's bytes, blocks at its edges counted
whole, and all else (biases, norms, vectors, what the format leaves out) takes the checkpoint's own type. Where records
do not say the type, bf16 is taken, and `Storage.assumed` says so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from moe_kb.records.architecture import Architecture
from moe_kb.records.checkpoint import MODULES, Checkpoint, Module, StoredFormat
from moe_kb.records.sublayers import Sublayer
from moe_kb.sizing.matrices import Matrix, matrices, tables
from moe_kb.sizing.parameters import PARTS, Parameters, PartName, written
from moe_kb.sizing.precision import BF16, FORMATS, FP32, WeightFormat

#: What an address, a table or a command calls the weights as each checkpoint keeps them.
AS_RELEASED = "as-released"
WEIGHTS: dict[str, WeightFormat | None] = {AS_RELEASED: None, **FORMATS}
"""Every choice of weights by its name: as released, or all in one format."""
WHOLE_SIDE = 10**13
"""More than any side of a matrix: a block of this many rows or columns is all of them."""


@dataclass(frozen=True)
class Storage:
    """How the weights of a configuration are kept.

    Attributes:
        label: the formats in words, e.g. `fp8 in blocks of 128 x 128`.
        rest: what is kept otherwise, in words; empty where nothing is.
        parts: bytes of each part.
        per_weight: bytes of a weight of each part, on average.
        main: the format of most weights.
        assumed: what the records do not say and what was taken in its place; empty where they say all.
    """

    label: str
    rest: str
    parts: Mapping[PartName, Fraction]
    per_weight: Mapping[PartName, Fraction]
    main: WeightFormat
    assumed: str = ""

    @property
    def total(self) -> Fraction:
        """Bytes of all weights."""
        return sum(self.parts.values(), Fraction())


def kept_in(weights: WeightFormat, parameters: Parameters) -> Storage:
    """Every parameter in one format: what the format can save at most."""
    each = weights.bytes_per_weight
    parts = {part: parameters.parts[part].total * each for part in PARTS}
    return Storage(weights.label, "", parts, dict.fromkeys(PARTS, each), weights)


def as_released(architecture: Architecture, parameters: Parameters) -> Storage:
    """The weights as the configuration's own checkpoint keeps them, as far as records say."""
    checkpoint = architecture.checkpoint or Checkpoint()
    rest = FP32 if checkpoint.dtype == "fp32" else BF16
    assumed = [] if checkpoint.dtype else ["the type of the weights is not reported"]
    if checkpoint.method and not checkpoint.formats:
        assumed = [checkpoint.note or f"the quantisation {checkpoint.method} is not understood"]
    elif checkpoint.formats and not checkpoint.dtype:
        assumed = ["the type of what is not quantised is not reported"]
    elif checkpoint.note:
        assumed.append(checkpoint.note)
    formats = [weight_format(stored) for stored in checkpoint.formats]
    taken: defaultdict[PartName, int] = defaultdict(int)
    parts: defaultdict[PartName, Fraction] = defaultdict(Fraction)
    weights: Counter[WeightFormat] = Counter()
    kept: set[Module] = set()
    for matrix, chosen, times in _placed(architecture, checkpoint.formats):
        if chosen is None:
            kept.add(matrix.module)
            continue
        layout = formats[chosen]
        taken[matrix.part] += times * matrix.weights
        weights[layout] += times * matrix.weights
        parts[matrix.part] += times * matrix.number * layout.matrix_bytes(matrix.rows, matrix.columns)
    for part in PARTS:
        parts[part] += (parameters.parts[part].total - taken[part]) * rest.bytes_per_weight
    weights[rest] += parameters.total - sum(taken.values())
    per_weight = {
        part: parts[part] / parameters.parts[part].total if parameters.parts[part].total else rest.bytes_per_weight
        for part in PARTS
    }
    quantised = [layout for layout, number in weights.most_common() if layout is not rest and number]
    label = " and ".join(dict.fromkeys(layout.label for layout in quantised)) or (checkpoint.dtype or rest.key)
    names = ", ".join(_NAMES[module] for module in MODULES if module in kept)
    told = f"{names}, norms and vectors in {checkpoint.dtype or rest.key}" if quantised and names else ""
    main = weights.most_common(1)[0][0] if parameters.total else rest
    doubt = (
        f"{'; '.join(assumed)}, so {rest.key} is assumed" if assumed and not checkpoint.dtype else "; ".join(assumed)
    )
    return Storage(label, told, dict(parts), per_weight, main, doubt)


_NAMES: dict[Module, str] = {
    "embedding": "embedding", "head": "head", "query": "queries", "key-value": "keys and values",
    "attention-output": "attention output", "attention-gate": "attention gate", "indexer": "indexer",
    "compressor": "compressor", "mixer": "mixer", "experts": "routed experts", "shared": "shared experts",
    "dense": "dense networks", "latent": "latent projections", "router": "router",
}  # fmt: skip


def weight_format(stored: StoredFormat) -> WeightFormat:
    """A format of a checkpoint as one that says the bytes of a matrix; a known one where it is the same."""
    block = stored.block_rows or WHOLE_SIDE, stored.block_columns or WHOLE_SIDE
    bits, scale = stored.weight_bits, stored.block_bits
    integer, number = stored.weight_type == "int", f"{stored.weight_type}{bits}"
    for known in FORMATS.values():
        same = (known.integer, known.weight_bits, known.block_bits) == (integer, bits, scale)
        if same and (not scale or known.block == block):
            return known
    rows, columns = block
    if not scale or block == (WHOLE_SIDE, WHOLE_SIDE):
        shape = "one scale a matrix"
    elif columns == WHOLE_SIDE:
        shape = "one scale an output" if rows == 1 else f"a scale for {rows} outputs"
    else:
        shape = f"groups of {columns}" if rows == 1 else f"blocks of {rows} x {columns}"
    key = f"{number}-{rows}-{columns}-{scale}"
    scales = f" with {scale}-bit scales" if (bits, scale) == (8, 8) else ""
    return WeightFormat(key, f"{number}, {shape}{scales}", bits, block, scale, integer=integer)


def _placed(architecture: Architecture, formats: Sequence[StoredFormat]) -> Iterator[tuple[Matrix, int | None, int]]:
    """Every matrix with the number of the first format that names it, and how often it occurs so."""

    def chosen(module: Module, layer: int | None) -> int | None:
        for number, stored in enumerate(formats):
            if module in stored.modules and (stored.layers is None or layer is None or layer in sets[number]):
                return number
        return None

    sets = [frozenset(stored.layers or ()) for stored in formats]
    for matrix in tables(architecture):
        yield matrix, chosen(matrix.module, None), 1
    D = architecture.d_model or 0
    known: dict[int, list[Matrix]] = {}
    for sublayer, layer, times in _sublayers(architecture, by_layer=any(sets)):
        if id(sublayer) not in known:
            known[id(sublayer)] = matrices(sublayer, D)
        for matrix in known[id(sublayer)]:
            yield matrix, chosen(matrix.module, layer), times


def _sublayers(architecture: Architecture, *, by_layer: bool) -> Iterator[tuple[Sublayer, int | None, int]]:
    """Sublayers with the number of their layer, or as they are written, with how often."""
    for name, stack in architecture.stacks.items():
        if by_layer:
            for layer, sublayers in enumerate(stack.layers()):
                yield from ((sublayer, layer, 1) for sublayer in sublayers)
        else:
            yield from ((sublayer, None, times) for times, sublayer, _ in written(stack.groups, 1, name))

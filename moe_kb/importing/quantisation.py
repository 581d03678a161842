"""How a checkpoint keeps its weights, read from the `torch_dtype` and `quantization_config` of its config.

A list of modules that are not quantised is matched with the names that `quantisation.yaml` gives each group of
matrices, so that a record says `modules: [experts]` in place of hundreds of names. The file may be anyone's: its
regular expressions are never run, only the part of their language that such lists use is read, and what is not
understood is said.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Literal

from moe_kb.records.architecture import Architecture
from moe_kb.records.checkpoint import MODULES, Checkpoint, Dtype, Module, StoredFormat
from moe_kb.records.sublayers import Dense, Mixture
from moe_kb.sizing.matrices import matrices
from moe_kb.sizing.parameters import UnsizedError
from moe_kb.yamlio import reader

FIELDS = ("quantization_config", "compression_config", "quantization")
"""Where a quantisation stands; the second is an earlier name, the third MLX's."""
MAX_NAMES = 4_000  # of different modules that a file lists
MAX_LENGTH = 200  # of such a name
MAX_ALTERNATIVES = 64
_DTYPES: dict[str, Dtype] = {
    "bfloat16": "bf16", "float16": "fp16", "half": "fp16", "float32": "fp32", "float": "fp32",
}  # fmt: skip
_LAYER = re.compile(r"(?:model\.|backbone\.)?layers\.([0-9]{1,5})(\*|\.|$)(.*)", re.DOTALL)


class _NotUnderstoodError(ValueError):
    """What of a quantisation is not understood."""


@dataclass(frozen=True)
class _Rule:
    """A layout and what it is for."""

    kind: Literal["fp", "int"]
    bits: int
    rows: int = 0
    columns: int = 0
    block_bits: int = 0
    modules: tuple[Module, ...] | None = None
    """Groups of matrices; none: every linear map."""
    targets: tuple[str, ...] | None = None
    """Names of modules in place of groups."""


def checkpoint(configs: Sequence[Mapping[str, Any]], architecture: Architecture) -> Checkpoint | None:
    """How the weights of a file are kept; none where it says nothing.

    Args:
        configs: the file's fields, and before them those of the text model within it.
        architecture: what was read of the file.
    """
    dtype = next((_DTYPES[name] for name in map(_dtype, configs) if name in _DTYPES), None)
    found = next((config[field] for config in configs for field in FIELDS if config.get(field)), None)
    if found is None:
        return Checkpoint(dtype=dtype) if dtype else None
    if not isinstance(found, dict):
        return Checkpoint(dtype=dtype, method="unknown", note="its quantisation is not an object of fields")
    method = str(found.get("quant_method") or ("mlx" if "bits" in found and "group_size" in found else "unknown"))
    method = _line(method.lower().replace("_", "-"))
    given = found if "expert_dtype" in found else found | {"expert_dtype": configs[-1].get("expert_dtype")}
    try:
        if method not in _table()["methods"]:
            raise _NotUnderstoodError(f"the quantisation {method} is not understood")
        formats = _formats(_rules(method, given), _kept(method, given), architecture)
    except _NotUnderstoodError as error:
        return Checkpoint(dtype=dtype, method=method, note=_line(str(error)))
    return Checkpoint(dtype=dtype, method=method, formats=formats)


def _dtype(config: Mapping[str, Any]) -> str:
    return str(config.get("torch_dtype") or config.get("dtype") or "")[:MAX_LENGTH].removeprefix("torch.")


def _line(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text.strip())[:MAX_LENGTH] or "unknown"


@cache
def _table() -> dict[str, Any]:
    path = Path(__file__).with_suffix(".yaml")
    found: dict[str, Any] = reader.parse(reader.read_text(path))
    return found


# --- layouts ---------------------------------------------------------------------------------------------------------


def _rules(method: str, given: Mapping[str, Any]) -> list[_Rule]:
    """The layouts of a quantisation; of two that name the same matrices the first holds."""
    if method == "mxfp4":
        return [_Rule("fp", 4, 1, 32, 8, modules=("experts",))]
    if method == "fp8" and not given.get("config_groups"):
        scale = 8 if given.get("scale_fmt") == "ue8m0" else 32
        experts = [_Rule("fp", 4, 1, 32, scale, modules=("experts",))] if given.get("expert_dtype") == "fp4" else []
        rows, columns = _sides(given.get("weight_block_size") or (0, 0))
        return [*experts, _Rule("fp", 8, rows, columns, scale)]
    if method in ("gptq", "auto-round", "awq"):
        bits = _whole(given, "bits", "w_bit")
        group = _group(given.get("group_size", given.get("q_group_size", 128)))
        zero = bits if method != "awq" or given.get("zero_point", True) else 0
        rule = _Rule("int", bits, 1, group, 16 + zero)
        if inside := given.get("modules_in_block_to_quantize"):
            return [replace(rule, targets=tuple(_names(_flat(inside))))]
        return [rule, *([replace(rule, modules=("head",))] if given.get("lm_head") is True else [])]
    if method == "bitsandbytes":
        if given.get("load_in_4bit") or given.get("_load_in_4bit"):
            return [_Rule("fp", 4, 1, 64, 8 if given.get("bnb_4bit_use_double_quant") else 32)]
        if given.get("load_in_8bit") or given.get("_load_in_8bit"):
            return [_Rule("int", 8, 1, 0, 32)]
        raise _NotUnderstoodError("the quantisation bitsandbytes says neither 4 nor 8 bits")
    if method == "mlx":
        return _mlx(given)
    return _groups(method, given)


def _mlx(given: Mapping[str, Any]) -> list[_Rule]:
    """MLX quantises every linear map and the tables; a module with a layout of its own is named by a field."""

    def rule(of: Mapping[str, Any], targets: tuple[str, ...] | None = None) -> _Rule:
        scale = 32 if of.get("mode", given.get("mode", "affine")) == "affine" else 8
        inner = {**{name: given[name] for name in ("bits", "group_size") if name in given}, **of}
        return _Rule(
            "int" if scale == 32 else "fp",
            _whole(inner, "bits"),
            1,
            _group(inner.get("group_size", 64)),
            scale,
            targets=targets,
        )

    own = [rule(value, (name,)) for name, value in given.items() if isinstance(value, dict)]
    if len(own) > MAX_NAMES:
        raise _NotUnderstoodError(f"the quantisation names more than {MAX_NAMES:,} modules")
    together: dict[_Rule, list[str]] = defaultdict(list)
    for one in own:
        together[replace(one, targets=())].extend(one.targets or ())
    base = rule({})
    everything = (*_table()["linear"], "embedding", "head")
    grouped = [replace(layout, targets=tuple(names)) for layout, names in together.items()]
    return [*grouped, replace(base, modules=everything)]


def _groups(method: str, given: Mapping[str, Any]) -> list[_Rule]:
    """The layouts of compressed-tensors and of NVIDIA's Model Optimizer, which writes the same."""
    groups = given.get("config_groups")
    if not isinstance(groups, dict) or not groups:
        simple = {"NVFP4": _Rule("fp", 4, 1, 16, 8), "FP8": _Rule("fp", 8, 0, 0, 32)}.get(str(given.get("quant_algo")))
        if simple is None:
            raise _NotUnderstoodError(f"the quantisation {method} gives no config_groups")
        return [simple]
    rules = []
    for group in list(groups.values())[:MAX_ALTERNATIVES]:
        weights = group.get("weights") if isinstance(group, dict) else None
        if not isinstance(weights, dict):
            continue  # of activations only
        rule = _weights(weights)
        targets = group.get("targets") or ["Linear"]
        if targets == ["Linear"]:
            # In such a file the head is a linear map like any other, unless it is listed.
            rules.append(replace(rule, modules=(*_table()["linear"], "head")))
        else:
            rules.append(replace(rule, targets=tuple(_names(targets))))
    if not rules:
        raise _NotUnderstoodError(f"the quantisation {method} has no group of weights")
    return rules


def _weights(given: Mapping[str, Any]) -> _Rule:
    bits, size = _whole(given, "num_bits"), given.get("group_size")
    strategy = given.get("strategy") or ("group" if size else "tensor")
    floating = given.get("type") == "float"
    kind: Literal["fp", "int"] = "fp" if floating else "int"
    eight = str(given.get("scale_dtype") or "").removeprefix("torch.") in ("uint8", "float8_e4m3fn", "float8_e8m0fnu")
    scale = 8 if eight or (floating and bits == 4) else 16
    zero = 0 if floating or given.get("symmetric", True) else bits
    if strategy in ("group", "tensor_group"):
        return _Rule(kind, bits, 1, _group(size), scale + zero)
    if strategy == "channel":
        return _Rule(kind, bits, 1, 0, scale + zero)
    if strategy == "block":
        structure = given.get("block_structure")
        rows, columns = _sides(structure.split("x") if isinstance(structure, str) else structure)
        return _Rule(kind, bits, rows, columns, 32)
    if strategy == "tensor":
        return _Rule(kind, bits, 0, 0, 32)
    raise _NotUnderstoodError(f"the strategy {_line(str(strategy))} of its quantisation is not understood")


def _whole(given: Mapping[str, Any], *names: str) -> int:
    value = next((given[name] for name in names if name in given), None)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 16:
        raise _NotUnderstoodError(f"{names[0]} of its quantisation is {_line(str(value))}, not 1 to 16 bits")
    return value


def _group(value: Any) -> int:
    if value == -1:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10**6:
        raise _NotUnderstoodError(f"group_size of its quantisation is {_line(str(value))}, not a number of weights")
    return value


def _sides(value: Any) -> tuple[int, int]:
    try:
        rows, columns = (int(side) for side in value)
    except (TypeError, ValueError):
        raise _NotUnderstoodError(
            f"the block {_line(str(value))} of its quantisation is not rows and columns"
        ) from None
    if not (0 <= rows <= 10**6 and 0 <= columns <= 10**6):
        raise _NotUnderstoodError(f"the block {rows} x {columns} of its quantisation is beyond any matrix")
    return rows, columns


# --- modules that are listed -----------------------------------------------------------------------------------------


def _kept(method: str, given: Mapping[str, Any]) -> list[str]:
    """Names of modules that are not quantised, as the file lists them."""
    lists = [
        given.get(name)
        for name in ("modules_to_not_convert", "ignored_layers", "ignore", "exclude_modules", "llm_int8_skip_modules")
    ]
    kept = [name for found in lists if found for name in _names(_flat(found))]
    dynamic = given.get("dynamic")
    if method == "gptq" and isinstance(dynamic, dict):
        if any(not name.startswith("-:") for name in dynamic):
            raise _NotUnderstoodError("the quantisation gptq gives some modules other bits")
        kept += ["re:" + name[2:] for name in _names(list(dynamic))]
    if method == "mlx":
        kept += [name for name, value in given.items() if value is False]
    return kept


def _flat(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _NotUnderstoodError("the modules of its quantisation are no list")
    return [inner for item in value for inner in (item if isinstance(item, list) else [item])]


def _names(found: Any) -> list[str]:
    names = list(dict.fromkeys(item for item in found if isinstance(item, str))) if isinstance(found, list) else []
    if len(names) > 40 * MAX_NAMES:
        raise _NotUnderstoodError(f"the quantisation names {len(names):,} modules")
    if any(len(name) > MAX_LENGTH for name in names):
        raise _NotUnderstoodError(f"the quantisation names a module in more than {MAX_LENGTH} signs")
    return names


class _Listed:
    """Modules by the names that a file lists."""

    def __init__(self, names: Iterable[str]) -> None:
        self.everywhere: list[str] = []
        self.by_layer: defaultdict[str, list[tuple[bool, str]]] = defaultdict(list)
        """By the digits of a layer: whether more digits may follow, and what of the layer is meant."""
        self.matched: dict[tuple[str, bool], frozenset[Module]] = {}
        for name in names:
            for glob in _globs(name):
                match = _LAYER.match(glob)
                if match:
                    layer, end, rest = match.groups()
                    self.by_layer[layer].append((end == "*", rest))
                else:
                    self.everywhere.append(glob)
        different = len(set(self.everywhere)) + len({rest for rests in self.by_layer.values() for _, rest in rests})
        if different > MAX_NAMES:
            raise _NotUnderstoodError(f"the quantisation names more than {MAX_NAMES:,} different modules")

    def holds(self, module: Module, layer: int | None, *, beside_dense: bool = False) -> bool:
        """Whether the list names a group of matrices, of one layer where one is asked for."""
        if any(module in self.modules(glob, beside_dense, whole=True) for glob in self.everywhere):
            return True
        if layer is None:
            return False
        digits = str(layer)
        for length in range(1, len(digits) + 1):
            for more, rest in self.by_layer.get(digits[:length], ()):
                if (more or length == len(digits)) and module in self.modules(rest, beside_dense, whole=False):
                    return True
        return False

    def modules(self, glob: str, beside_dense: bool, *, whole: bool) -> frozenset[Module]:
        """The groups that a name is of; what is left of a layer's name is compared with the rest of theirs."""
        key = (f"{whole:d}{glob}", beside_dense)
        if key not in self.matched:
            self.matched[key] = frozenset(
                module
                for module in MODULES
                if (not whole and glob.strip(".*") == "")
                or any(
                    _matches(glob, f"model.layers.0.{name}" if whole and module not in ("embedding", "head") else name)
                    for name in _table()["names"].get(module, ())
                    # Experts beside a dense network have a name of their own: `mlp` is the network's.
                    if not (beside_dense and module in ("experts", "router") and name.startswith("mlp."))
                )
            )
        return self.matched[key]


#: Outer names of a model within a model, and what they are without it.
_OUTER = {"model.language_model.": "model.", "language_model.model.": "model.", "language_model.": ""}


def _globs(name: str) -> list[str]:
    """A name as patterns in which `*` is anything; those of a model within a model lose the outer name."""

    def inner(glob: str) -> str:
        outer = next((outer for outer in _OUTER if glob.startswith(outer)), "")
        return _OUTER.get(outer, "") + glob.removeprefix(outer)

    return [inner(glob) for glob in (_regex(name[3:]) if name.startswith("re:") else [name])]


def _regex(text: str) -> list[str]:
    """A regular expression of the kind that such lists use, as patterns; it matches from the beginning."""
    pieces = re.split(r"(\((?:\?:)?[^()]*\))", text)
    choices = [
        piece[1:-1].removeprefix("?:").split("|") if piece.startswith("(") and piece.endswith(")") else [piece]
        for piece in pieces
    ]
    number = 1
    for choice in choices:
        number *= len(choice)
    if number > MAX_ALTERNATIVES:
        raise _NotUnderstoodError(f"the pattern {_line(text)} of its quantisation has too many alternatives")
    out = []
    for parts in product(*choices):
        glob = "".join(parts).removeprefix("^").replace(r"\d+", ".*").replace("[0-9]+", ".*")
        ends = glob.endswith("$")
        glob = glob.removesuffix("$").replace(r"\.", "\0").replace(".*", "*").replace("\0", ".")
        if re.search(r"[\\\[\](){}+?|^$]", glob):
            raise _NotUnderstoodError(f"the pattern {_line(text)} of its quantisation is not understood")
        out.append(glob if ends or glob.endswith("*") else glob + "*")
    return out


def _matches(glob: str, name: str) -> bool:
    """Whether a pattern is a module's name or, without `*`, whole words of it."""
    if "*" not in glob:
        return f".{glob.strip('.')}." in f".{name}."
    return _fits(glob, name) or _fits(glob + ".*", name)


def _fits(glob: str, text: str) -> bool:
    first, *rest = glob.split("*")
    if not text.startswith(first):
        return False
    at = len(first)
    for piece in rest[:-1]:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return not rest or (len(text) - len(rest[-1]) >= at and text.endswith(rest[-1]))


# --- both together ---------------------------------------------------------------------------------------------------


def _formats(rules: Sequence[_Rule], kept: Collection[str], architecture: Architecture) -> list[StoredFormat]:
    """What a record says: each layout with the groups of matrices and, where not all, the layers."""
    listed, places = _Listed(kept), _places(architecture)
    out = []
    for rule in rules:
        wanted = _Listed(rule.targets) if rule.targets is not None else None
        groups: defaultdict[tuple[int, ...] | None, list[Module]] = defaultdict(list)
        for module, layers in places.items():
            if wanted is None and module not in (rule.modules or _table()["linear"]):
                continue
            taken = [
                layer
                for layer, beside_dense in layers
                if not listed.holds(module, layer, beside_dense=beside_dense)
                and (wanted is None or wanted.holds(module, layer, beside_dense=beside_dense))
            ]
            if taken:
                some = None if len(taken) == len(layers) else tuple(layer for layer in taken if layer is not None)
                groups[some].append(module)
        for some, modules in groups.items():
            out.append(
                StoredFormat(
                    weight_type=rule.kind,
                    weight_bits=rule.bits,
                    block_rows=rule.rows,
                    block_columns=rule.columns,
                    block_bits=rule.block_bits if rule.rows or rule.columns else 0,
                    modules=modules,
                    layers=None if some is None else list(some),
                )
            )
    return out


def _places(architecture: Architecture) -> dict[Module, list[tuple[int | None, bool]]]:
    """Where every group of matrices is: its layers, and whether a dense network stands beside experts there."""
    found: defaultdict[Module, list[tuple[int | None, bool]]] = defaultdict(list)
    found["embedding"].append((None, False))
    if not architecture.tied_embeddings:
        found["head"].append((None, False))
    known: dict[int, set[Module]] = {}
    for stack in architecture.stacks.values():
        for number, layer in enumerate(stack.layers()):
            beside = {Dense, Mixture} <= {type(sublayer) for sublayer in layer}
            modules: set[Module] = set()
            for sublayer in layer:
                if id(sublayer) not in known:
                    try:
                        known[id(sublayer)] = {
                            matrix.module for matrix in matrices(sublayer, architecture.d_model or 0)
                        }
                    except UnsizedError:
                        known[id(sublayer)] = set()
                modules |= known[id(sublayer)]
            for module in modules:
                found[module].append((number, beside))
    return {module: found[module] for module in MODULES if module in found}

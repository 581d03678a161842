"""The flat names that tables use (`n_layers`, `d_expert`, ...) as views of a stack of layer groups."""

from __future__ import annotations

from dataclasses import dataclass

from moe_kb.records.architecture import Architecture
from moe_kb.records.base import Scalar
from moe_kb.records.sublayers import Attention, Dense, Expression, LatentAttention, Mixture


@dataclass(frozen=True, slots=True)
class Flat:
    """A flat value of an architecture."""

    field: str
    value: Scalar
    derived: bool
    counting: str | None = None


def flatten(architecture: Architecture) -> list[Flat]:
    """Flat values that hold for the whole architecture; a size that differs between layers is left out.

    Layers of both stacks are counted. `n_experts_total` and `n_experts_active` include shared experts, as survey
    tables print them; `n_routed_experts` and `experts_per_token` do not.
    """
    out: list[Flat] = []
    for name in ("d_model", "vocab_size", "tied_embeddings", "context_length"):
        value = getattr(architecture, name)
        if value is not None:
            out.append(Flat(name, value, derived=False))
    all_layers = [layer for stack in architecture.stacks.values() for layer in stack.layers()]
    mixtures = [s for layer in all_layers for s in layer if isinstance(s, Mixture)]
    dense = [s for layer in all_layers for s in layer if isinstance(s, Dense)]
    mixers = [s for layer in all_layers for s in layer if isinstance(s, (Attention, LatentAttention))]
    attention = [s for s in mixers if not getattr(s, "cross", False)]
    out.append(Flat("n_layers", len(all_layers), derived=True))
    n_moe = sum(any(isinstance(s, Mixture) for s in layer) for layer in all_layers)
    out.append(Flat("n_moe_layers", n_moe, derived=True))

    def common(field: str, values: list[Scalar | None], *, derived: bool = False, counting: str | None = None) -> None:
        found = set(values)
        if len(found) == 1 and (value := found.pop()) is not None:
            out.append(Flat(field, value, derived, counting))

    common("n_heads", [s.n_heads for s in attention])
    common("n_kv_heads", [s.n_kv_heads or s.n_heads for s in attention if isinstance(s, Attention)])
    common("d_head", [s.d_head for s in attention if isinstance(s, Attention)])
    common("d_ffn", [_width(s.d_ffn) for s in dense])
    common("d_expert", [_width(s.d_expert) for s in mixtures])
    common("activation", [s.activation for s in mixtures])
    common("n_routed_experts", [s.n_routed_experts for s in mixtures])
    common("experts_per_token", [s.experts_per_token for s in mixtures])
    shared = [s.shared.count if s.shared else 0 for s in mixtures]
    common("n_shared_experts", [*shared])
    both = list(zip(mixtures, shared, strict=True))
    common("n_experts_total", [s.n_routed_experts + n for s, n in both], derived=True, counting="incl-shared")
    common("n_experts_active", [s.experts_per_token + n for s, n in both], derived=True, counting="incl-shared")
    common("router", [s.router.design if s.router else None for s in mixtures])
    return out


def _width(width: int | Expression) -> int | None:
    return width.value if isinstance(width, Expression) else width

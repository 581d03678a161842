"""The shape of a model as a table prints it, and the sizes that what it leaves unsaid allows.

Unsaid are the vocabulary (as large as the data know them), whether the head is tied, the kind of token mixer, and, if a
source does not say so, whether experts have a gate (two matrices or three) and which layers hold them. Norms and biases
are too small to matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from moe_kb.claims.claim import Claim
from moe_kb.claims.placement import layers_with_experts
from moe_kb.records.base import Counting

#: A token mixer has at least this share of the D x Hd matrices of plain attention (MLA of DeepSeek-V3 has 0.40) ...
_LEAST_ATTENTION = 0.35
#: ... and at most half more (cross-attention in every other layer), or this many D x D matrices (a Mamba layer).
_MOST_ATTENTION, _MOST_MIXER = 1.5, 6.5
#: Where a source gives no width of a head, all heads together are between half and twice as wide as the model.
_HEADS_OVER_MODEL = (0.5, 2.0)
#: Layers at the input that often stay dense where a source does not say which ones hold experts.
_DENSE_AT_INPUT = 3


class Range(NamedTuple):
    """Least and greatest value."""

    low: float
    high: float

    def meets(self, low: float, high: float) -> bool:
        """Whether it shares a value with [low, high)."""
        return self.low < high and low <= self.high


class Sizes(NamedTuple):
    """What one reading of a sheet allows: all parameters, and those of a token."""

    total: Range
    active: Range


@dataclass(frozen=True)
class Sheet:
    """Hyperparameters as one source gives them for one configuration."""

    d_model: int
    n_layers: int
    n_experts: float
    """Experts of a layer (on average over the layers with experts), counted as `counting` says."""
    d_expert: int
    experts_per_token: int | None = None
    """Counted likewise."""
    n_shared_experts: int = 0
    counting: Counting = "excl-shared"
    d_ffn: int | None = None
    n_heads: int | None = None
    d_head: int | None = None
    matrices: int | None = None
    """Of an expert: 3 with a gate, 2 without; None where the source does not say."""
    moe_placement: str | None = None
    """Share of the layers that hold experts, as printed."""

    def sizes(self, vocabulary: Range) -> Iterator[Sizes]:
        """Sizes by each reading: how matrices, shared experts and layers are meant where that is unsaid."""
        for matrices in (self.matrices,) if self.matrices else (2, 3):
            for inside in (True, False) if self.counting == "unclear" else (self.counting == "incl-shared",):
                for layers in self._layers_with_experts():
                    yield self._sizes(vocabulary, matrices, self.n_shared_experts if inside else 0, layers)

    def _layers_with_experts(self) -> Sequence[Range]:
        if self.moe_placement is not None:
            layers = layers_with_experts(self.moe_placement, self.n_layers)
            return [] if layers is None else [Range(layers, layers)]
        half = self.n_layers // 2
        return [Range(max(1, self.n_layers - _DENSE_AT_INPUT), self.n_layers), Range(half, half)]

    def _sizes(self, vocabulary: Range, matrices: int, inside: int, layers: Range) -> Sizes:
        routed, chosen = self.n_experts - inside, (self.experts_per_token or 0) - inside
        network = matrices * self.d_model
        expert = network * self.d_expert
        shared = self.n_shared_experts * expert + self.d_model * routed
        dense = network * (self.d_ffn or 4 * self.d_model)
        beside = dense if self.moe_placement and "extra FFN" in self.moe_placement else 0
        low, high = self._attention()
        lookup = vocabulary.low * self.d_model, 2 * vocabulary.high * self.d_model

        def rest(holding: float, attention: float) -> float:
            return self.n_layers * attention + (self.n_layers - holding) * dense + holding * (shared + beside)

        totals = [rest(n, a) + n * routed * expert for n in layers for a in (low, high)]
        actives = [rest(n, a) + n * max(0, chosen) * expert for n in layers for a in (low, high)]
        # Some count the active parameters without embedding and head.
        return Sizes(
            Range(float(min(totals)) + lookup[0], float(max(totals)) + lookup[1]),
            Range(float(min(actives)), float(max(actives)) + lookup[1]),
        )

    def _attention(self) -> Range:
        """Parameters of a layer's token mixer."""
        least, most = (over * self.d_model for over in _HEADS_OVER_MODEL)
        if self.n_heads and self.d_head:
            least = most = self.n_heads * self.d_head
        plain = 4 * self.d_model
        return Range(
            _LEAST_ATTENTION * plain * least, max(_MOST_ATTENTION * plain * most, _MOST_MIXER * self.d_model**2)
        )

    def changed(self) -> Iterator[tuple[str, Sheet]]:
        """What it would be if a single field were another: a description, and the changed sheet."""
        yield from self._counted_otherwise()
        if self.matrices:
            yield (
                f"{5 - self.matrices} matrices an expert, not {self.matrices}",
                replace(self, matrices=5 - self.matrices),
            )
        fields: dict[str, float | None] = {field: getattr(self, field) for field in _DOUBLED}
        for field, value in fields.items():
            for other in (2.0 * value, value / 2) if value else ():
                if other.is_integer():
                    update: dict[str, Any] = {field: int(other)}
                    yield f"{field} {other:.0f}, not {value:g}", replace(self, **update)
        if self.d_ffn and self.d_ffn != self.d_expert:
            yield "d_ffn and d_expert swapped", replace(self, d_ffn=self.d_expert, d_expert=self.d_ffn)
            yield f"d_expert as d_ffn, {self.d_ffn}", replace(self, d_expert=self.d_ffn)
        if not self.d_expert % self.n_experts:
            divided = int(self.d_expert / self.n_experts)
            yield f"d_expert {divided}, {self.d_expert} divided among the experts", replace(self, d_expert=divided)
        beside = f"{self.moe_placement or '1'}, extra FFN"
        yield "a dense network beside every mixture", replace(self, moe_placement=beside)
        for share, words in (("1", "every layer"), ("1/2", "every other layer"), ("1/4", "every fourth layer")):
            if self.moe_placement is None or self.moe_placement.partition(",")[0].strip() != share:
                yield f"experts in {words}", replace(self, moe_placement=share)

    def _counted_otherwise(self) -> Iterator[tuple[str, Sheet]]:
        """Shared experts added, dropped, or counted in the other way."""
        if not self.n_shared_experts:
            for number in (1, 2, 4, 8):
                words = f"{number} shared expert{'s' if number > 1 else ''} on top"
                yield words, replace(self, n_shared_experts=number, counting="excl-shared")
            return
        yield "no shared experts", replace(self, n_shared_experts=0)
        inside = self.counting == "incl-shared"
        words = f"shared experts {'on top of' if inside else 'within'} the count"
        yield words, replace(self, counting="excl-shared" if inside else "incl-shared")


#: Fields that may be printed twice or half as large as meant.
_DOUBLED = ("n_layers", "n_experts", "experts_per_token", "d_expert", "d_model", "d_ffn")
_GATED = {"swiglu", "geglu", "reglu"}
_COUNTING: dict[str | None, Counting] = {"incl-shared": "incl-shared", "excl-shared": "excl-shared"}
_SETTING = re.compile(r"(\d+) layers")


def sheet_of(claims: Mapping[str, Sequence[Claim]]) -> Sheet | None:
    """The sheet in the claims that one source makes about one configuration; None where they are too few."""

    def number(field: str) -> int | None:
        found = [claim.number for claim in claims.get(field, ()) if claim.number]
        return int(found[0]) if found else None

    for total, active in (("n_routed_experts", "experts_per_token"), ("n_experts_total", "n_experts_active")):
        experts = _average(claims.get(total, ()))
        d_model, n_layers, d_expert = number("d_model"), number("n_layers"), number("d_expert")
        if not (experts and d_model and n_layers and d_expert):
            continue
        activation = claims["activation"][0].text.casefold() if claims.get("activation") else None
        gated = dict.fromkeys(_GATED, 3)
        placement = claims["moe_placement"][0].text if claims.get("moe_placement") else None
        return Sheet(
            d_model,
            n_layers,
            experts,
            d_expert,
            number(active),
            number("n_shared_experts") or 0,
            "excl-shared" if total == "n_routed_experts" else _COUNTING.get(claims[total][0].counting, "unclear"),
            number("d_ffn"),
            number("n_heads"),
            number("d_head"),
            gated.get(activation, 2) if activation else None,
            placement,
        )
    return None


def _average(counts: Sequence[Claim]) -> float | None:
    """Experts of a layer, averaged where a source gives them for so many layers each ("10 layers")."""
    if not counts or any(claim.number is None for claim in counts):
        return None
    settings = [_SETTING.fullmatch(claim.setting or "") for claim in counts]
    if len(counts) == 1:
        return counts[0].number
    weights = [int(match[1]) if match else 1 for match in settings]
    return sum((claim.number or 0) * weight for claim, weight in zip(counts, weights, strict=True)) / sum(weights)

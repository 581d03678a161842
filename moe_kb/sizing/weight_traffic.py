"""What a pass of many tokens goes through: which layers, and which of the weights it has to read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from moe_kb.records.architecture import Architecture
from moe_kb.records.sublayers import AnySublayer, Attention
from moe_kb.sizing.parameters import Parameters, PartName, count_sublayer, edited, written


@dataclass(frozen=True)
class Needed:
    """Weights that tokens need in one pass.

    Attributes:
        always: of each part those that every token needs; of embeddings only what is multiplied with.
        routed: weights of experts by the share of them that a token chooses.
    """

    always: Mapping[PartName, Fraction]
    routed: Mapping[Fraction, int]

    def by(self, tokens: int) -> float:
        """Weights that so many tokens need together; an expert that several choose is read once.

        With an even and independent choice, b tokens leave an expert alone with probability (1 - k/E)^b.
        """
        return float(sum(self.always.values())) + self.experts(tokens)

    def experts(self, tokens: int) -> float:
        """Of these the weights of routed experts."""
        return sum(total * (1 - (1 - float(share)) ** tokens) for share, total in self.routed.items())


def needed(architecture: Architecture, parameters: Parameters) -> Needed:
    """Weights needed of `architecture`, whose `parameters` were counted."""
    routed: defaultdict[Fraction, int] = defaultdict(int)
    for name, stack in architecture.stacks.items():
        for times, sublayer, _ in written(stack.groups, 1, name):
            for part, share in count_sublayer(sublayer, architecture.d_model or 0):
                if part == "routed":
                    routed[share.active / share.total] += times * share.total
    always: dict[PartName, Fraction] = {
        part: share.active for part, share in parameters.parts.items() if part != "routed"
    }
    always["embedding"] = always["embedding"] - parameters.tables if parameters.tied else Fraction()
    return Needed(always, dict(routed))


def decoding(architecture: Architecture) -> Architecture:
    """What a decoded token goes through: beside a decoder no encoder, and no keys and values of the encoder's tokens.

    Those were made when the encoder's sequence was read.
    """
    if architecture.encoder is None or architecture.decoder is None:
        return architecture

    def reading(sublayer: AnySublayer) -> AnySublayer:
        if isinstance(sublayer, Attention) and sublayer.cross:
            return sublayer.model_copy(update={"shares_kv_with_previous": True})
        return sublayer

    return edited(architecture.model_copy(update={"encoder": None}), reading)

"""All-to-all traffic of expert parallelism: what one token sends to experts elsewhere, and gets back.

A layer's E routed experts lie evenly on P devices. For an even choice of k of them and Z zero experts, which are
everywhere, a token's experts lie on P (1 - C(E + Z - E/P, k) / C(E + Z, k)) devices on average, one in P of which is
its own. To each of the others goes its vector once, however many of its experts are there, and from each comes one sum
back; sent once for each expert, it is k E / (E + Z) (P - 1) / P vectors each way. Limits on the groups that a token may
use are not taken into account; attention experts are taken to be everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import comb

from moe_kb.records.architecture import Architecture
from moe_kb.records.sublayers import Mixture
from moe_kb.sizing.parameters import expected_experts, written

#: Bytes of a number in transit: activations are sent in 16 bits.
SENT_BYTES = 2


@dataclass(frozen=True)
class AllToAll:
    """Numbers that one token sends and gets in one layer, on average over its layers with experts.

    Attributes:
        layers: layers with routed experts.
        expert_parallel: P.
        merged: one vector a device, both ways together.
        per_expert: one vector an expert, both ways together.
    """

    layers: int
    expert_parallel: int
    merged: Fraction
    per_expert: Fraction


def all_to_all(architecture: Architecture, expert_parallel: int) -> AllToAll:
    """Traffic with `expert_parallel` devices for each layer's experts.

    Raises:
        ValueError: for a degree below one, or one that some layer's experts cannot be laid out on evenly.
    """
    if expert_parallel < 1:
        raise ValueError(f"expert-parallel degree {expert_parallel}: at least 1")
    layers, merged, per_expert = 0, Fraction(), Fraction()
    for name, stack in architecture.stacks.items():
        for times, sublayer, place in written(stack.groups, 1, name):
            if not isinstance(sublayer, Mixture):
                continue
            E = sublayer.n_routed_experts
            if E % expert_parallel:
                raise ValueError(f"{place}: {E} experts cannot be laid out evenly on {expert_parallel} devices")
            width = sublayer.d_latent or architecture.d_model or 0
            layers += times
            elsewhere = times * 2 * width * Fraction(expert_parallel - 1, expert_parallel)
            merged += elsewhere * devices_reached(sublayer, expert_parallel)
            per_expert += elsewhere * expected_experts(sublayer)
    if not layers:
        return AllToAll(0, expert_parallel, Fraction(), Fraction())
    return AllToAll(layers, expert_parallel, merged / layers, per_expert / layers)


def devices_reached(mixture: Mixture, expert_parallel: int) -> Fraction:
    """Of so many devices those that an evenly chosen token's routed experts lie on, on average."""
    E, Z, k = mixture.n_routed_experts, mixture.zero.count if mixture.zero else 0, mixture.experts_per_token
    return expert_parallel * (1 - Fraction(comb(E + Z - E // expert_parallel, k), comb(E + Z, k)))

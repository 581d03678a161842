"""What is measured of a routing, named once: load, its spread, drops, entropy."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from reference_impls.core.layer import LayerInfo


def load_cv(load_E: Tensor) -> float:
    """Coefficient of variation of the load: population standard deviation over mean; 0 is perfect balance."""
    mean = load_E.mean()
    return float(load_E.std(correction=0) / mean) if mean > 0 else 0.0


def max_violation(load_E: Tensor) -> float:
    """MaxVio: the largest load over the mean load, minus 1; 0 is perfect balance, E - 1 the worst."""
    mean = load_E.mean()
    return float(load_E.max() / mean - 1) if mean > 0 else 0.0


def relative_information(share_LE: Tensor) -> float:
    """Mutual information of label and expert over the most that is possible, ln min(L, E); 0 to 1.

    Args:
        share_LE: how much of each expert the tokens of each label got; any positive multiple will do.
    """
    most = math.log(min(share_LE.shape))
    total = share_LE.sum()
    if most == 0 or total <= 0:
        return 0.0
    joint_LE = share_LE / total
    apart = torch.special.entr(joint_LE.sum(0)).sum() + torch.special.entr(joint_LE.sum(1)).sum()
    return max(0.0, float(apart - torch.special.entr(joint_LE).sum()) / most)


@dataclass
class _LayerTally:
    load_E: Tensor
    share_LE: Tensor
    dropped: int = 0
    tokens: int = 0
    entropy: float = 0.0
    stats: dict[str, float] = field(default_factory=dict)


@dataclass
class RoutingTally:
    """Adds up the routings of several batches, layer by layer, and then speaks of them together.

    Load is counted before capacity cuts it: the imbalance that a router asks for is not hidden by the
    tokens it loses, which `dropped_fraction` counts. Spread is computed over all batches added, so it is
    the spread of the whole interval and smaller than that of one batch.
    """

    layers: dict[str, _LayerTally] = field(default_factory=dict)

    def add(self, infos: Mapping[str, LayerInfo], label_T: Tensor, n_labels: int) -> None:
        """Count one batch.

        Args:
            infos: layer names and what the layers reported.
            label_T: what specialisation is judged by, one of `n_labels` for each token of the batch.
            n_labels: number of labels.
        """
        for name, info in infos.items():
            routing = info.routing
            E = routing.n_experts
            tally = self.layers.get(name)
            if tally is None:
                tally = self.layers[name] = _LayerTally(
                    torch.zeros(E, dtype=torch.float64), torch.zeros(n_labels, E, dtype=torch.float64)
                )
            tally.load_E += routing.load_E.detach().cpu()
            share_TE = routing.share_TE().cpu().double().clamp(min=0)
            # A design that splits tokens into parts routes several rows a token.
            label = label_T.repeat_interleave(len(share_TE) // len(label_T))
            tally.share_LE.index_add_(0, label, share_TE)
            tally.dropped += routing.n_dropped
            tally.tokens += routing.n_tokens
            tally.entropy += float(routing.entropy) * routing.n_tokens
            for stat, value in info.stats.items():
                tally.stats[stat] = tally.stats.get(stat, 0.0) + value * routing.n_tokens

    def loads(self) -> dict[str, list[float]]:
        """For each layer, the fraction of its assignments that each expert was asked to take."""
        return {name: (tally.load_E / tally.load_E.sum().clamp(min=1)).tolist() for name, tally in self.layers.items()}

    def values(self) -> dict[str, float]:
        """`load_cv`, `max_violation`, `dropped_fraction`, `router_entropy`, `information` and the designs' own
        measurements, each the mean over layers."""
        if not self.layers:
            return {}
        per_layer = [
            {
                "load_cv": load_cv(tally.load_E),
                "max_violation": max_violation(tally.load_E),
                "dropped_fraction": tally.dropped / max(float(tally.load_E.sum()), 1.0),
                "router_entropy": tally.entropy / max(tally.tokens, 1),
                "information": relative_information(tally.share_LE),
                **{name: total / max(tally.tokens, 1) for name, total in tally.stats.items()},
            }
            for tally in self.layers.values()
        ]
        return {key: sum(row[key] for row in per_layer) / len(per_layer) for key in per_layer[0]}

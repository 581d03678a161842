"""What is measured of a routing, named once: load, its spread, drops, entropy."""

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


@dataclass
class _LayerTally:
    demand_E: Tensor
    dropped: int = 0
    tokens: int = 0
    entropy: float = 0.0


@dataclass
class RoutingTally:
    """Adds up the routings of several batches, layer by layer, and then speaks of them together.

    Load is counted before capacity cuts it: the imbalance that a router asks for is not hidden by the
    tokens it loses, which `dropped_fraction` counts. Spread is computed over all batches added, so it is
    the spread of the whole interval and smaller than that of one batch.
    """

    layers: dict[str, _LayerTally] = field(default_factory=dict)

    def add(self, infos: Mapping[str, LayerInfo]) -> None:
        """Count one batch; `infos` maps layer names to what the layers reported."""
        for name, info in infos.items():
            routing = info.routing
            tally = self.layers.get(name)
            if tally is None:
                tally = self.layers[name] = _LayerTally(torch.zeros(routing.n_experts, dtype=torch.float64))
            tally.demand_E += routing.demand_E.cpu()
            tally.dropped += routing.n_dropped
            tally.tokens += routing.n_tokens
            tally.entropy += float(routing.entropy) * routing.n_tokens

    def loads(self) -> dict[str, list[float]]:
        """For each layer, the fraction of its assignments that each expert was asked to take."""
        return {
            name: (tally.demand_E / tally.demand_E.sum().clamp(min=1)).tolist() for name, tally in self.layers.items()
        }

    def values(self) -> dict[str, float]:
        """`load_cv`, `max_violation`, `dropped_fraction` and `router_entropy`, each the mean over layers."""
        if not self.layers:
            return {}
        per_layer = [
            {
                "load_cv": load_cv(tally.demand_E),
                "max_violation": max_violation(tally.demand_E),
                "dropped_fraction": tally.dropped / max(float(tally.demand_E.sum()), 1.0),
                "router_entropy": tally.entropy / max(tally.tokens, 1),
            }
            for tally in self.layers.values()
        ]
        return {key: sum(row[key] for row in per_layer) / len(per_layer) for key in per_layer[0]}

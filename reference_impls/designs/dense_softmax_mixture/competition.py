"""Experts that compete on the clustered task: each labels a point by itself, and their mixture is scored."""

import torch
from torch import Tensor

from reference_impls.core.layer import LayerInfo, MoELayer
from reference_impls.core.routing import DenseRouting, RoutingContext
from reference_impls.tasks.base import Forward
from reference_impls.tasks.clusters import PointModel, Points


def mixture_log_probability(log_gate_TE: Tensor, logit_TEC: Tensor) -> Tensor:
    """log of the sum over experts of the gate times the expert's softmax over classes, [T, C].

    They are normalised: their cross-entropy with a label is the mixture's negative log-likelihood.
    """
    return torch.logsumexp(log_gate_TE[..., None] + logit_TEC.log_softmax(-1), dim=1)


def compete(model: PointModel, batch: Points) -> Forward:
    """The mixture of what the experts say one by one: log-probabilities [B, S, classes].

    Each expert's output goes through the model's read-out alone, instead of the blend of all outputs.

    Raises:
        TypeError: if the model has no layer with experts, or one that does not weigh all of them.
    """
    B, S, D = batch.x_BSD.shape
    x_TD = batch.x_BSD.reshape(B * S, D)
    layer = model.layer
    if not isinstance(layer, MoELayer):
        raise TypeError("only a layer with experts can have them compete")
    sequence_T = torch.arange(B).repeat_interleave(S)
    routing = layer.router(x_TD, RoutingContext.of_sequences(sequence_T, B))
    if not isinstance(routing, DenseRouting):
        raise TypeError(f"experts compete under a DenseRouting, not a {type(routing).__name__}")
    output_TED = torch.stack([layer.experts(x_TD, expert) for expert in range(layer.experts.n_experts)], dim=1)
    log_gate_TE = routing.weight_TE.clamp(min=torch.finfo(routing.weight_TE.dtype).tiny).log()
    log_TC = mixture_log_probability(log_gate_TE, model.head(output_TED))
    return Forward(log_TC.view(B, S, -1), {"layer 0": LayerInfo(routing)})

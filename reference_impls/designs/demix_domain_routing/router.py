"""The router of DEMix domain routing; the page is README.md."""

from typing import Any

import torch
from torch import Tensor

from reference_impls.core.design import Design
from reference_impls.core.layer import LayerInfo
from reference_impls.core.routing import AuxiliaryLoss, dense_routing
from reference_impls.designs.demix_domain_routing.config import DemixConfig
from reference_impls.designs.task_id_routing.router import make_layer
from reference_impls.tasks.base import Forward, Task
from reference_impls.tasks.clusters import Points


def run_model(task: Task, batch: Any) -> Forward:
    """In training the model of the known domain, otherwise the mixture of all."""
    config = task.config.layer
    assert isinstance(config, DemixConfig)
    if task.model.training or config.inference == "known":
        return task.forward(batch)
    target_BS, domain_B = _told(batch)
    runs = [task.forward(batch, domain=torch.full_like(domain_B, d)) for d in range(config.n_experts)]
    log_p_EBSC = torch.stack([run.output for run in runs]).log_softmax(-1)
    earned_EBS = log_p_EBSC.gather(-1, target_BS.expand(len(runs), -1, -1)[..., None])[..., 0]
    log_weight_EBS = log_weights(earned_EBS, config.inference)
    mixture_BSC = (log_weight_EBS[..., None] + log_p_EBSC).logsumexp(0)
    known_BSC = log_p_EBSC[domain_B % config.n_experts, torch.arange(len(domain_B))]
    known, _ = task.score(batch, known_BSC)
    # The mixture as if it were a layer's decision, for the metrics.
    info = LayerInfo(dense_routing(log_weight_EBS.exp().flatten(1).T))
    infos = dict.fromkeys(runs[0].infos, info)
    return Forward(mixture_BSC, infos, {"known_domain": AuxiliaryLoss(known, 0.0)})


def log_weights(earned_EBS: Tensor, inference: str) -> Tensor:
    """Logarithms of the weights of the experts' predictions at each position, [E, B, S].

    Args:
        earned_EBS: log-probability that each expert's model gave to what came true at each position.
        inference: `history`, `last` or `average`, see the config.
    """
    before_EBS = earned_EBS.roll(1, dims=-1)  # what was earned just before each position
    before_EBS[..., :1] = 0
    if inference == "history":
        before_EBS = before_EBS.cumsum(-1)
    elif inference == "average":
        before_EBS = torch.zeros_like(before_EBS)
    return before_EBS.log_softmax(0)


def _told(batch: Any) -> tuple[Tensor, Tensor]:
    """What comes true at each position, [B, S], and the domain of each sequence, [B]."""
    if isinstance(batch, Points):
        return batch.label_BS, batch.cluster_BS[:, 0]
    return batch.target_BS, batch.domain_B


DESIGN = Design(make_layer, run_model=run_model)

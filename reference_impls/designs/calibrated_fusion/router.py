"""The router of MoCaE; the page is README.md."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.layer import LayerInfo
from reference_impls.core.routing import (
    AuxiliaryLoss,
    Router,
    RoutingContext,
    SparseRouting,
    dense_routing,
    routing_by_rule,
)
from reference_impls.designs.calibrated_fusion.calibration import Calibrator, calibration_error
from reference_impls.designs.calibrated_fusion.config import MoCaEConfig
from reference_impls.tasks.base import Forward


class NamedExpertRouter(Router):
    """All tokens of a sequence to the expert that the caller names as its domain; holds the calibrators."""

    def __init__(self, config: MoCaEConfig) -> None:
        super().__init__(config.n_experts)
        self.calibrator = Calibrator(config.n_experts, config.confidence_bins, config.memory)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Domain modulo experts, with weight one."""
        expert_T1 = context.need("domain")[:, None] % self.n_experts
        return routing_by_rule(x_TD, expert_T1, self.n_experts)


@dataclass(frozen=True)
class Fusion:
    """A fused prediction: log-probabilities [N, V], and the weight of each expert [E, N]."""

    log_NV: Tensor
    weight_EN: Tensor


def fuse(logit_ENV: Tensor, calibrated_EN: Tensor) -> Fusion:
    """Give each expert's top prediction its calibrated confidence, and average with these as weights."""
    top_EN1 = logit_ENV.argmax(-1, keepdim=True)
    # What is left keeps its proportions. Taken from logits, as beside a confidence that rounds to 1 all else is 0.
    others_ENV = logit_ENV.scatter(-1, top_EN1, -torch.inf).softmax(-1)
    believed_ENV = (others_ENV * (1 - calibrated_EN)[..., None]).scatter(-1, top_EN1, calibrated_EN[..., None])
    weight_EN = calibrated_EN / calibrated_EN.sum(0)
    fused_NV = torch.einsum("en,env->nv", weight_EN, believed_ENV)
    return Fusion(fused_NV.clamp(min=torch.finfo(fused_NV.dtype).tiny).log(), weight_EN)


def run_model(task: Any, batch: Any) -> Forward:
    """Run every expert alone, calibrate what they say, and fuse it; in training, learn how right they were."""
    config, calibrator = task.config.layer, calibrator_of(task.model)
    right_BS = batch.target_BS if hasattr(batch, "target_BS") else batch.label_BS
    label_N = right_BS.flatten()
    passes = [task.forward(batch, domain=torch.full((len(right_BS),), e)) for e in range(config.n_experts)]
    own = torch.stack([task.score(batch, done.output)[0] for done in passes]).mean()

    with torch.no_grad():
        exponent = torch.linspace(-1, 1, config.n_experts) if config.n_experts > 1 else torch.zeros(1)
        sharpness_E11 = (config.boast**exponent)[:, None, None]
        logit_ENV = sharpness_E11 * torch.stack([done.output.flatten(0, 1) for done in passes])
        stated_EN, top_EN = logit_ENV.softmax(-1).max(-1)
        hit_EN = top_EN == label_N
        calibrated_EN = calibrator(stated_EN) if config.calibration == "isotonic" else stated_EN
        fusion, naive = fuse(logit_ENV, calibrated_EN), fuse(logit_ENV, stated_EN)
        if task.model.training:
            calibrator.update(stated_EN, hit_EN)
        bins = config.confidence_bins
        stats = {
            "uncalibrated_cross_entropy": float(-naive.log_NV.gather(1, label_N[:, None]).mean()),
            "stated_error": float(calibration_error(stated_EN, hit_EN, bins).mean()),
            "calibrated_error": float(calibration_error(calibrated_EN, hit_EN, bins).mean()),
        }
    weight_TE = fusion.weight_EN.T
    routing = dense_routing(weight_TE, stats=stats)
    return Forward(
        output=fusion.log_NV.view_as(passes[0].output),
        infos={name: LayerInfo(routing) for name in passes[0].infos},
        losses={"experts": AuxiliaryLoss(own, 1.0)},
    )


def calibrator_of(model: torch.nn.Module) -> Calibrator:
    """The calibrators of the last layer with experts: they judge whole predictions, so one set is enough."""
    return [module for module in model.modules() if isinstance(module, Calibrator)][-1]


make_layer = routed_by(NamedExpertRouter, MoCaEConfig)
DESIGN = Design(make_layer, run_model=run_model)

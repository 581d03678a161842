"""The router of Hierarchical mixture, by EM; the page is README.md."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.design import Design
from reference_impls.core.experts import Experts
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import DenseRouting, Router, RoutingContext, entropy, float32_linear
from reference_impls.designs.dense_softmax_mixture.competition import compete
from reference_impls.designs.hierarchical_mixture.config import CLASSES, HMEConfig
from reference_impls.designs.hierarchical_mixture.irls import irls_step
from reference_impls.tasks.base import Forward, Task
from reference_impls.tasks.clusters import PointModel


class TreeGate(Router):
    """A gate over groups and one over the experts of each group; see README.md."""

    def __init__(self, config: HMEConfig) -> None:
        super().__init__(config.n_experts)
        self.n_groups = config.n_groups
        self.top_GF = nn.Parameter(0.02 * torch.randn(config.n_groups, config.d_model + 1))
        self.low_EF = nn.Parameter(0.02 * torch.randn(config.n_experts, config.d_model + 1))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> DenseRouting:
        """Weigh all experts: the weight of the group times the weight inside the group."""
        x_TF = with_constant(x_TD)
        top_TG = float32_linear(x_TF, self.top_GF).softmax(-1)
        low_TGM = grouped(float32_linear(x_TF, self.low_EF), self.n_groups).softmax(-1)
        weight_TE = (top_TG[..., None] * low_TGM).flatten(1)
        return DenseRouting(
            weight_TE=weight_TE, load_E=weight_TE.detach().sum(0), entropy=entropy(weight_TE), n_tokens=len(x_TD)
        )


class LinearExperts(Experts):
    """Experts whose outputs are the logits of the classes, in the first coordinates of a token."""

    def __init__(self, n_experts: int, d_model: int) -> None:
        super().__init__()
        self.n_experts = n_experts
        self.weight_ECF = nn.Parameter(torch.randn(n_experts, CLASSES, d_model + 1) * d_model**-0.5)

    def forward(self, x_RD: Tensor, expert: int) -> Tensor:
        """Logits, followed by zeros up to the width of a token, [R, D]."""
        logit_RC = F.linear(with_constant(x_RD), self.weight_ECF[expert])
        return F.pad(logit_RC, (0, x_RD.shape[1] - CLASSES))


def with_constant(x_TD: Tensor) -> Tensor:
    """The token and a one, [T, D + 1]."""
    return torch.cat([x_TD, x_TD.new_ones(len(x_TD), 1)], dim=1)


def grouped(value_TE: Tensor, n_groups: int) -> Tensor:
    """Experts by group, [T, groups, experts of a group]."""
    return value_TE.view(len(value_TE), n_groups, value_TE.shape[1] // n_groups)


def make_layer(config: HMEConfig) -> MoELayer:
    """A hierarchical mixture: a tree of gates over linear experts."""
    return MoELayer(TreeGate(config), LinearExperts(config.n_experts, config.d_model))


def run_model(task: Task, batch: Any) -> Forward:
    """Points are labelled by the mixture of what the experts say one by one."""
    model = task.model
    assert isinstance(model, PointModel)
    with torch.no_grad():  # the read-out is fixed: an expert's first outputs are its logits
        model.head.weight.copy_(torch.eye(*model.head.weight.shape))
        model.head.bias.zero_()
    return compete(model, batch)


def update_model(task: Task, batch: Any) -> None:
    """A step of expectation maximisation on the batch, in place of the optimiser's step."""
    layer, config = task.model.get_submodule("layer"), task.config.layer
    gate, experts = layer.get_submodule("router"), layer.get_submodule("experts")
    assert isinstance(gate, TreeGate)
    assert isinstance(experts, LinearExperts)
    assert isinstance(config, HMEConfig)
    em_step(gate, experts, batch.x_BSD.flatten(0, 1), batch.label_BS.flatten(), config.irls_steps)


@torch.no_grad()
def em_step(gate: TreeGate, experts: LinearExperts, x_ND: Tensor, label_N: Tensor, irls_steps: int = 1) -> None:
    """Weigh who may have given each label, then refit every gate and expert to those weights, in float64."""
    x_NF = with_constant(x_ND.double())
    _, posterior_NGM = expectation(gate, experts, x_NF, label_N)
    label_NC = F.one_hot(label_N, CLASSES).to(x_NF.dtype)
    refit(gate.top_GF, x_NF, posterior_NGM.sum(-1), irls_steps)
    for low_MF, posterior_NM in zip(gate.low_EF.chunk(gate.n_groups), posterior_NGM.unbind(1), strict=True):
        refit(low_MF, x_NF, posterior_NM, irls_steps)
    for weight_CF, posterior_N in zip(experts.weight_ECF, posterior_NGM.flatten(1).unbind(1), strict=True):
        refit(weight_CF, x_NF, posterior_N[:, None] * label_NC, irls_steps)


@torch.no_grad()
def expectation(gate: TreeGate, experts: LinearExperts, x_NF: Tensor, label_N: Tensor) -> tuple[Tensor, Tensor]:
    """Log-likelihood of each point's label, [N], and each expert's posterior, [N, groups, experts of a group]."""
    wide = x_NF.dtype
    log_top_NG = (x_NF @ gate.top_GF.to(wide).T).log_softmax(-1)
    log_low_NGM = grouped(x_NF @ gate.low_EF.to(wide).T, gate.n_groups).log_softmax(-1)
    log_class_NEC = torch.einsum("nf,ecf->nec", x_NF, experts.weight_ECF.to(wide)).log_softmax(-1)
    log_label_NE = log_class_NEC.take_along_dim(label_N[:, None, None], dim=-1)[..., 0]
    log_joint_NGM = log_top_NG[..., None] + log_low_NGM + grouped(log_label_NE, gate.n_groups)
    return log_joint_NGM.flatten(1).logsumexp(-1), log_joint_NGM.flatten(1).softmax(-1).view_as(log_joint_NGM)


def refit(theta_CF: Tensor, x_NF: Tensor, target_NC: Tensor, irls_steps: int) -> None:
    """Move coefficients, in place, towards those under which the targets are likeliest."""
    moved_CF = theta_CF.to(x_NF.dtype)
    for _ in range(irls_steps):
        moved_CF = irls_step(moved_CF, x_NF, target_NC)
    theta_CF.copy_(moved_CF)


DESIGN = Design(make_layer, run_model=run_model, update_model=update_model)

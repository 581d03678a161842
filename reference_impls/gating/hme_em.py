r"""# Hierarchical mixture of experts, trained by expectation maximisation

M. I. Jordan and R. A. Jacobs, *Hierarchical mixtures of experts and the EM algorithm*, Neural Computation 1994
([doi 10.1162/neco.1994.6.2.181](https://doi.org/10.1162/neco.1994.6.2.181)). The paper itself was not at hand; its
abstract (as MIT memo 1440) was read. The steps stand on G. Hinton's lecture notes (CSC2515, lecture 7: posteriors from
priors and experts, gates refitted to them by iteratively reweighted least squares) and on the public code of
`probml/pmtk3` (`mixexpFit.m`). The survey of Cai et al. ([arXiv 2407.06204](https://arxiv.org/abs/2407.06204)) names the
design among the first dense mixtures.

## The design

A tree: a gate weighs groups of experts, and a gate of each group its experts. Experts and gates are generalised linear
models of the input, here with a softmax over classes at the leaves:

$$P(d \mid x) = \sum_{a} g_a(x) \sum_{b} g_{b \mid a}(x)\, P_{ab}(d \mid x), \qquad
g = \mathrm{softmax}(V x), \quad g_{\cdot \mid a} = \mathrm{softmax}(V_a x), \quad P_{ab} = \mathrm{softmax}(U_{ab} x)$$

Which expert gave a label is not known. **Expectation**: weigh them by how likely each is to have given it.

$$h_{ab} = \frac{g_a\, g_{b \mid a}\, P_{ab}(d \mid x)}{\sum_{a'b'} g_{a'}\, g_{b' \mid a'}\, P_{a'b'}(d \mid x)}, \qquad
h_a = \sum_b h_{ab}$$

**Maximisation**: with these weights held, the problem falls apart into one for each gate and each expert, all of one
form, a weighted multinomial logistic regression:

$$V \leftarrow \max \sum_n \sum_a h_a \log g_a, \qquad V_a \leftarrow \max \sum_n \sum_b h_{ab} \log g_{b \mid a}, \qquad
U_{ab} \leftarrow \max \sum_n h_{ab} \log P_{ab}(d \mid x)$$

Each is solved by iteratively reweighted least squares, which is Newton's method. A step that does not lower these sums
cannot lower the likelihood of the labels, whatever the learning problem: there is no learning rate, no gradient of the
whole, and no optimiser.

| symbol | meaning | here |
|---|---|---|
| $x$ | a point, with a constant 1 appended | `with_constant` |
| $V$, $V_a$ | coefficients of the upper gate, of the gate of group $a$ | `router.top_GF`, `router.low_EF` |
| $U_{ab}$ | coefficients of expert $b$ of group $a$ | `experts.weight_ECF` |
| $d$ | the point's label | |
| $h_{ab}$ | posterior of an expert | `expectation` |
| $n$ | points of the batch | |

## What the metrics mean

- `cross_entropy`: $-\log P(d \mid x)$, in nats, mean over points.
- `accuracy`: share of points whose likeliest class is the label.
- `router_entropy`: of the experts' weights $g_a g_{b \mid a}$, in nats.
- `load_cv`, `max_violation`: spread of the summed weights over experts; the work is always even.
- `information`: of expert and cluster, each point shared out by its weights, of the most possible.

## Which tokens see each other

None: a point's weights and prediction depend on that point alone.

## Where it deviates

- A demonstration on the clustered task, the one task here with a label for each input. The layer also runs by itself:
  then it gives the blend of the experts' logits, followed by zeros.
- Each step takes a fresh batch, of which the likelihood does not fall; that of other points may. In the paper's
  algorithm one data set is gone through again and again.
- One least-squares step of each problem in a maximisation step (`irls_steps`): the likelihood still cannot fall.
- A step is damped by a hundredth of the mean curvature and halved while it would lower its sum; labels that can be told
  apart without error have no finite optimum.
- More experts than clusters by default: two experts that win the same cluster seldom part again.
- The dense layer that it is compared with learns from the same points, with as many steps of AdamW as there are of EM;
  `learning_rate` is that layer's.

## What it was checked against

`scipy.optimize.minimize` for the optimum that the least-squares steps reach. A float64 loop written from the equations:
the weights of the tree, the posteriors, the likelihood. Then: over many steps on one batch the likelihood never falls;
where the experts start at a solution nothing moves.

## How long, and what to see

Well under a minute.

The first steps are the slow ones, in which every expert has a share of every point. `cross_entropy` falls within a few
steps, far faster than any optimiser's, and then stays where the experts have settled: `information` says whether
several share a cluster. Fewer experts, or another `seed`, settle elsewhere.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.configs.hme_em import CLASSES, HMEConfig
from reference_impls.core.experts import Experts
from reference_impls.core.irls import irls_step
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import DenseRouting, Router, RoutingContext, entropy, wide_linear
from reference_impls.tasks.base import Forward, Task
from reference_impls.tasks.clusters import PointModel
from reference_impls.tasks.competition import compete


class TreeGate(Router):
    """A gate over groups and one over the experts of each group; see the module's docstring."""

    def __init__(self, config: HMEConfig) -> None:
        super().__init__(config.n_experts)
        self.n_groups = config.n_groups
        self.top_GF = nn.Parameter(0.02 * torch.randn(config.n_groups, config.d_model + 1))
        self.low_EF = nn.Parameter(0.02 * torch.randn(config.n_experts, config.d_model + 1))

    def forward(self, x_TD: Tensor, context: RoutingContext) -> DenseRouting:
        """Weigh all experts: the weight of the group times the weight inside the group."""
        x_TF = with_constant(x_TD)
        top_TG = wide_linear(x_TF, self.top_GF).softmax(-1)
        low_TGM = grouped(wide_linear(x_TF, self.low_EF), self.n_groups).softmax(-1)
        weight_TE = (top_TG[..., None] * low_TGM).flatten(1)
        return DenseRouting(
            weight_TE=weight_TE,
            demand_E=weight_TE.detach().sum(0),
            entropy=entropy(weight_TE),
            n_tokens=len(x_TD),
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
    layer, config = task.model.get_submodule("layer"), task.config
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

r"""# OMoE: experts kept apart

J. Feng et al., *OMoE: Diversifying Mixture of Low-Rank Adaptation by Orthogonal Finetuning*,
[arXiv 2501.10062](https://arxiv.org/abs/2501.10062), of which only the abstract was at hand, and equation 7 of the
survey *Mixture of Experts in Large Language Models* (D. Zhang et al., 2025), which states a loss under this name. The
two do not describe the same method; both are here.

## The design

Experts that see similar tokens end up similar, and a mixture of equals is one expert. The survey's form adds a
penalty on every pair of experts (`orthogonality = loss`, the default):

$$\mathcal{L}_{\mathrm{orth}} = \sum_{i \ne j} \langle W_i, W_j \rangle^2$$

The paper's abstract leaves the training objective alone and changes the layer: a Gram-Schmidt process makes the
outputs of a token's experts orthonormal before they are added (`orthogonality = gram-schmidt`):

$$v_j = E_{i_j}(x) - \sum_{l < j} \langle u_l, E_{i_j}(x) \rangle\, u_l, \qquad
u_j = \frac{v_j}{\lVert v_j \rVert}, \qquad y = s \sum_{j=1}^{K} w_j\, u_j$$

In both, the routing is that of Mixtral: the $K$ experts of largest logit, weights from a softmax over these.

| symbol | meaning | here |
|---|---|---|
| $W_i$ | all weights of expert $i$ as one vector | `experts.w_in_EID[i]`, `experts.w_out_EDF[i]` |
| $i_j$, $w_j$ | the token's expert with the $j$-th largest logit, and its weight | `expert_A`, `weight_A` |
| $u_j$ | what that expert adds that those before it did not | `orthonormalise` |
| $K$ | experts of one token | `experts_per_token` |
| $s$ | $\sqrt{D / 2L}$ for width $D$ and $L$ layers | `OMoELayer.scale` |

## What the metrics mean

- `aux_orthogonality`: the sum over ordered pairs, without its coefficient, mean over layers; absent with
  Gram-Schmidt. It grows with the fourth power of the weights, so it is no angle.
- `aux_load_balance`, `load_cv`, `max_violation`, `router_entropy`: as for Mixtral.
- `dropped_fraction`: always 0.

## Which tokens see each other

None: the loss looks at weights alone, and Gram-Schmidt at the outputs for one token. Changing later bytes never
changes earlier logits.

## Where it deviates

- The paper's experts are low-rank adaptations of a pretrained model, here feed-forwards trained from scratch.
- The survey does not say what the weights $W_i$ of an expert with several matrices are; here all of them, as one
  vector. The inner products are those printed, not cosines, so the loss also makes weights small.
- *Gap.* What order the process takes the experts in, over which experts it runs and how long the orthonormal vectors are
  is not said in what was at hand. Here: the chosen experts, best first, times the scale that the outputs of this
  project's experts begin with. Searches in public code and in stored pages for the paper's section on its method
  brought its abstract only.
- `orthogonality_coefficient` is this project's choice.

## What it was checked against

Routing, outputs and gradients with the loss setting: `MixtralSparseMoeBlock` of transformers. The loss: a float64
loop over pairs of experts and weights; it is zero for experts that share no weight, and its descent makes similar
experts less so. Gram-Schmidt: `torch.linalg.qr` with the signs of the diagonal turned positive; orthonormality; a
float64 loop for whole outputs. The common checks of every design and the clustered task are beside them.

## How long, and what to see

A default run does the work of one of `mixtral-top2`. Freshly drawn experts are almost orthogonal already: one should
see `aux_orthogonality` fall below its first value and stay there, where it climbs with `orthogonality_coefficient`
at 0. Gram-Schmidt costs a second pass over the tokens for each further expert; one should compare its bits per byte.
"""

from dataclasses import replace

import torch
from torch import Tensor

from reference_impls.configs.omoe import OMoEConfig
from reference_impls.core.build import expert_bank
from reference_impls.core.combine import combine
from reference_impls.core.experts import ExpertBank
from reference_impls.core.layer import MoELayer
from reference_impls.core.routing import AuxiliaryLoss, Routing, SparseRouting, wide, wide_linear
from reference_impls.gating.mixtral import MixtralTop2Router

SMALLEST_NORM = 1e-6  # an output that the experts before it span becomes zero, not noise of length one


class OMoELayer(MoELayer):
    """Mixtral's routing over experts that are kept apart; see the module's docstring."""

    experts: ExpertBank

    def __init__(self, config: OMoEConfig) -> None:
        super().__init__(MixtralTop2Router(config), expert_bank(config))
        self.config = config
        self.scale = (config.d_model / (2 * config.n_layers)) ** 0.5

    def combine(self, x_TD: Tensor, routing: Routing) -> Tensor:
        """Weighted outputs, orthonormal for each token if the config says so."""
        if self.config.orthogonality == "loss":
            return super().combine(x_TD, routing)
        assert isinstance(routing, SparseRouting)
        K = self.config.experts_per_token
        expert_TK, weight_TK = routing.expert_A.view(-1, K), routing.weight_A.view(-1, K)
        token_T, one_T = torch.arange(len(x_TD), device=x_TD.device), torch.ones_like(weight_TK[:, 0])
        outputs = [
            combine(x_TD, replace(routing, token_A=token_T, expert_A=expert_T, weight_A=one_T), self.experts)
            for expert_T in expert_TK.T
        ]
        basis_TKD = orthonormalise(torch.stack(outputs, dim=1))
        return torch.einsum("tk,tkd->td", self.scale * weight_TK, basis_TKD.to(weight_TK.dtype)).to(x_TD.dtype)

    def expert_losses(self, x_TD: Tensor, routing: Routing) -> dict[str, AuxiliaryLoss]:
        """The penalty on inner products of experts."""
        if self.config.orthogonality != "loss":
            return {}
        loss = orthogonality_loss(self.experts)
        return {"orthogonality": AuxiliaryLoss(loss, self.config.orthogonality_coefficient)}


def orthogonality_loss(bank: ExpertBank) -> Tensor:
    """Sum over ordered pairs of different experts of the squared inner product of all their weights."""
    weight_EW = torch.cat([bank.w_in_EID.flatten(1), bank.w_out_EDF.flatten(1)], dim=1)
    gram_EE = wide_linear(weight_EW, weight_EW)
    return (gram_EE - torch.diag(gram_EE.diagonal())).square().sum()


def orthonormalise(output_TKD: Tensor) -> Tensor:
    """Gram-Schmidt over the second axis, in at least float32; what is already spanned becomes zero."""
    wide_TKD = wide(output_TKD)
    basis: list[Tensor] = []
    for rest_TD in wide_TKD.unbind(1):
        for unit_TD in basis:
            rest_TD = rest_TD - (unit_TD * rest_TD).sum(-1, keepdim=True) * unit_TD
        length_T1 = (rest_TD.square().sum(-1, keepdim=True) + SMALLEST_NORM**2).sqrt()
        basis.append(rest_TD / length_T1)
    return torch.stack(basis, dim=1)


def make_layer(config: OMoEConfig) -> MoELayer:
    """A layer of SwiGLU experts that are kept apart."""
    return OMoELayer(config)

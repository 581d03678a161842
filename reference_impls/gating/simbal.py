r"""# SimBal: a router that keeps similarities

N. Omi, S. Sen and A. Farhadi, *Load Balancing Mixture of Experts with Similarity Preserving Routers*,
[arXiv 2506.14038](https://arxiv.org/abs/2506.14038), sections 2.2 and 3.1, equation 4 and the code of its Figure 6,
read in a stored copy of the paper.

## The design

The usual balancing loss asks for an even spread of tokens, so that a token's expert changes while the router is
pushed about. SimBal asks something of the router's matrix instead, and nothing of the tokens: it should be
orthonormal. Such a map changes no angle between the vectors in the space that it reads, so tokens that are alike
get logits that are alike, and no expert's direction can be swallowed by another's.

$$p(x) = \mathrm{softmax}(R^\top x), \qquad
y = \sum_{i \in \mathrm{TopK}(p(x))} p_i(x)\, E_i(x)$$

$$\mathcal{L}_{\mathrm{orth}} = \lVert R^\top R - I \rVert_1 = \sum_{i,j} | r_i \cdot r_j - \delta_{ij} |$$

The training loss gains $\lambda \mathcal{L}_{\mathrm{orth}}$ and a small z-loss. The matrix starts orthonormal.

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $R$, $r_i$ | router matrix and its column for expert $i$ | `router.weight_ED` (transposed) |
| $K$ | experts of one token | `experts_per_token` |
| $E_i$ | expert $i$, a SwiGLU feed-forward | `experts` |
| $\lambda$ | coefficient, 0.1 in the paper | `orthonormality_coefficient` |

The weights are the probabilities of the chosen experts as they are, not divided by their sum.

## What the metrics mean

- `aux_orthonormality`: the sum above without $\lambda$, mean over layers; 0 is an orthonormal router.
- `aux_router_z`: mean of $(\log \sum_i e^{\ell_i})^2$ over tokens.
- `load_cv`, `max_violation`: spread of the load. Nothing asks for 0; what counts is that no expert is left idle.
- `router_entropy`: of $p(x)$, in nats.
- `dropped_fraction`: always 0.

## Which tokens see each other

None: a token's output depends on that token alone, and the loss depends on no token at all. Changing later bytes
never changes earlier logits.

## Where it deviates

- The paper trains models of 32 experts, four a token, on 20 to 79 thousand million tokens; here 8 experts, two a
  token, and some hundred steps.
- Equation 2 of the paper prints experts with biases; its section 3.2 names SwiGLU. Here SwiGLU without biases.
- The norm in equation 4 is taken entry by entry, as in the code of Figure 6 (and not as the operator norm).
- `weight_decay` pulls every matrix of this project's models, so also the router, towards zero; the loss
  outweighs it.

## What it was checked against

`OlmoeSparseMoeBlock` of transformers (softmax over all, top-k, not renormalised): outputs and all gradients in
float32 and float64. The loss and its gradient against `torch.linalg.vector_norm` and against a float64 loop. Then
the properties that the paper builds on: an orthonormal router of as many experts as dimensions leaves every product
of two tokens as it was; a fresh router is orthonormal; descent of the loss alone makes any router so. The common
checks of every design and the clustered task are beside them.

## How long, and what to see

A default run does the work of one of `mixtral-top2`; the loss itself costs nothing. One should see
`aux_orthonormality` stay near zero from the first validation on, and a load that is uneven but without an idle
expert. Set `orthonormality_coefficient` to 0 and the load falls apart; compare `load_cv` with that of `mixtral-top2`,
which asks for an even load.
"""

import torch
from torch import Tensor, nn

from reference_impls.configs.simbal import SimBalConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import router_z_loss
from reference_impls.core.routing import AuxiliaryLoss, LinearRouter, RoutingContext, SparseRouting, top_k_routing, wide


class SimBalRouter(LinearRouter):
    """Top-k of a softmax, weights not renormalised, rows kept orthonormal; see the module's docstring."""

    def __init__(self, config: SimBalConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config
        nn.init.orthogonal_(self.weight_ED)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k most probable experts."""
        logit_TE = self.logits(x_TD)
        probability_TE = logit_TE.softmax(-1)
        weight_TK, expert_TK = probability_TE.topk(self.config.experts_per_token, dim=-1)
        losses = {
            "orthonormality": AuxiliaryLoss(
                orthonormality_loss(self.weight_ED), self.config.orthonormality_coefficient
            ),
            "router_z": AuxiliaryLoss(router_z_loss(logit_TE), self.config.z_coefficient),
        }
        return top_k_routing(weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses)


def orthonormality_loss(weight_ED: Tensor) -> Tensor:
    """Sum over all entries of |W W^T - I|, in at least float32."""
    wide_ED = wide(weight_ED)
    gram_EE = wide_ED @ wide_ED.T
    return (gram_EE - torch.eye(len(gram_EE), dtype=gram_EE.dtype, device=gram_EE.device)).abs().sum()


def make_layer(config: SimBalConfig) -> MoELayer:
    """A layer of SwiGLU experts behind a SimBal router."""
    return moe_layer(config, SimBalRouter(config))

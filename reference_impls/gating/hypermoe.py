r"""# HyperMoE: an expert made from those not chosen

H. Zhao et al., *HyperMoE: Towards Better Mixture of Experts via Transferring Among Experts*, [arXiv
2402.12656](https://arxiv.org/abs/2402.12656), its abstract, introduction and Figure 2 as far as they were at hand,
and the authors' code (`Bumble666/Hyper_MoE`: `modeling_switch_transformers.py`, `adapter_generators.py`,
`ad_layers.py`), from which every detail below is taken.

## The design

Of the experts that a token does not choose it learns nothing. HyperMoE keeps them unused, but lets them say what they
stand for: each has an embedding, the embeddings of those not chosen are added, and a hypernetwork makes of the sum
the weights of a small expert for that token, which runs beside the chosen ones:

$$z(x) = \sum_{j \notin \text{chosen}(x)} s_j, \qquad c = P_2\, \mathrm{relu}(P_1 z(x)), \qquad
u = \mathrm{relu}(U c), \qquad (A, a, B, b) = V u$$

$$y = \sum_{i \in \text{chosen}(x)} p_i(x)\, E_i(x) + \hat E(x), \qquad
\hat E(x) = B\, \mathrm{relu}(A x + a) + b$$

$P_1, P_2, U, V$ have biases, which are left out above. What is made depends only on which experts were chosen, not on
the token otherwise: tokens that choose alike share one made expert, so it is made once for each choice in the batch.

| symbol | meaning | here |
|---|---|---|
| $s_j$ | embedding of expert $j$ | `embedding_EC` |
| $z$, $c$ | selection embedding: the sum, and what two small maps make of it | `embedding_width` |
| $U$, $V$ | hypernetwork | `hyper_hidden`, `make_hidden`, `make_expert` |
| $A, a, B, b$ | the made expert, of hidden width `hyper_width` | `hyper_expert` |
| $p_i$ | softmax over all experts, the chosen as they are | `router.weight_ED` |

A balancing loss (`per-token`) as Mixtral's keeps experts in use.

## What the metrics mean

- `choices`: different sets of chosen experts in the batch, that is, experts that the hypernetwork made; mean over
  layers. At most $\binom{N}{K}$.
- `aux_load_balance`, `load_cv`, `max_violation`, `router_entropy`: as for Mixtral; perfect balance is $K$.
- `dropped_fraction`: always 0.

## Which tokens see each other

None: what is made for a token depends on its own choice alone, though tokens that choose alike share the work. Changing
later bytes never changes earlier logits.

## Where it deviates

- In the paper and its code one hypernetwork serves all layers, which an embedding of the layer, appended to $c$,
  tells apart. Layers of this project are made one by one and share nothing, so each has a hypernetwork of its own
  and needs no such embedding.
- The code builds on Switch (one expert, a capacity); here top-k without a capacity, weights as in Switch.
- The code starts $V$ so small that the pretrained model is left as it was. Here nothing is pretrained: $V$ starts
  by the same rule, uniform with variance 1 over the product of its inputs and the made matrix's inputs, times 1 for
  $A$ and times 0.1 for $B$ and the biases.
- The dense layer beside it on the clustered task has the parameters of all that a token passes through, the
  hypernetwork's among them, hence width 24. With three seeds it labels 86 to 87 % of the points right, this design 91 to 93 %.
- The survey's equation 12 adds $\gamma \sum_j h_j(x)$ over the experts not chosen. The code adds one made expert with
  weight 1; so it is here.

## What it was checked against

The chosen experts: `OlmoeSparseMoeBlock` of transformers. The made one: torch modules wired as in the authors'
code, which makes weights for every token by itself; outputs and gradients of everything. All together: a float64
loop from tokens to outputs. Then: a token's output changes with the embedding of an expert that it did not choose
and not with that of one it chose; tokens that choose alike have one made expert. The common checks of every design
and the clustered task are beside them.

## How long, and what to see

A default run takes longer than one of `mixtral-top2`: applying an expert of its own to each token is a small product
for each instead of one large. One should see `choices` well below its bound as the router makes up its mind; set
`hyper_width` to 1 to see what the made expert is worth.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.configs.hypermoe import HyperMoEConfig
from reference_impls.core.build import expert_bank
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    Routing,
    RoutingContext,
    SparseRouting,
    top_k_routing,
)


class SwitchLikeRouter(LinearRouter):
    """Top-k of a softmax, weights not renormalised, none dropped."""

    def __init__(self, config: HyperMoEConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token to its k most probable experts."""
        probability_TE = self.logits(x_TD).softmax(-1)
        weight_TK, expert_TK = probability_TE.topk(self.config.experts_per_token, dim=-1)
        balance = load_balancing_loss(probability_TE, expert_TK, "per-token")
        losses = {"load_balance": AuxiliaryLoss(balance, self.config.balance_coefficient)}
        stats = {"choices": float(len(torch.unique(expert_TK.sort(-1).values, dim=0)))}
        return top_k_routing(
            weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses, stats=stats
        )


class HyperMoELayer(MoELayer):
    """The chosen experts and one made from the others; see the module's docstring."""

    def __init__(self, config: HyperMoEConfig) -> None:
        super().__init__(SwitchLikeRouter(config), expert_bank(config))
        self.config = config
        C, H = config.embedding_width, config.hyper_hidden
        self.embedding_EC = nn.Parameter(torch.randn(config.n_experts, C))
        self.process = nn.Sequential(nn.Linear(C, C), nn.ReLU(), nn.Linear(C, C))
        self.make_hidden = nn.Linear(C, H)
        self.make_expert = nn.Linear(H, config.hyper_outputs)
        parts = torch.split(self.make_expert.weight, self._sizes())
        inputs, scales = (config.d_model, config.hyper_width, 1, 1), (1.0, 0.1, 0.1, 0.1)
        for rows, n_inputs, scale in zip(parts, inputs, scales, strict=True):
            bound = scale * (3 / (H * n_inputs)) ** 0.5
            nn.init.uniform_(rows, -bound, bound)
        nn.init.zeros_(self.make_expert.bias)

    def _sizes(self) -> list[int]:
        """Numbers in the made expert's matrices down and up and in its biases down and up."""
        D, R = self.config.d_model, self.config.hyper_width
        return [R * D, D * R, R, D]

    def combine(self, x_TD: Tensor, routing: Routing) -> Tensor:
        """Outputs of the chosen experts and of the made one."""
        return super().combine(x_TD, routing) + self.hyper_expert(x_TD, chosen(routing))

    def hyper_expert(self, x_TD: Tensor, chosen_TE: Tensor) -> Tensor:
        """Outputs [T, D] of the expert that the hypernetwork makes for each token, once for each choice (C)."""
        D, R = self.config.d_model, self.config.hyper_width
        chosen_CE, choice_T = torch.unique(chosen_TE, dim=0, return_inverse=True)
        selection = (1 - chosen_CE.to(x_TD.dtype)) @ self.embedding_EC
        made = self.make_expert(F.relu(self.make_hidden(self.process(selection))))
        down, up, down_bias_CR, up_bias_CD = torch.split(made, self._sizes(), dim=-1)
        down_CRD, up_CDR = down.view(-1, R, D), up.view(-1, D, R)
        hidden_TR = F.relu(torch.einsum("td,trd->tr", x_TD, down_CRD[choice_T]) + down_bias_CR[choice_T])
        y_TD: Tensor = torch.einsum("tr,tdr->td", hidden_TR, up_CDR[choice_T]) + up_bias_CD[choice_T]
        return y_TD


def chosen(routing: Routing) -> Tensor:
    """Which experts each token goes to, int8 [T, E]."""
    assert isinstance(routing, SparseRouting)
    chosen_TE = torch.zeros(routing.n_tokens, routing.n_experts, dtype=torch.int8, device=routing.token_A.device)
    return chosen_TE.index_put_((routing.token_A, routing.expert_A), chosen_TE.new_ones(()))


def make_layer(config: HyperMoEConfig) -> MoELayer:
    """A layer of SwiGLU experts with a made one beside them."""
    return HyperMoELayer(config)

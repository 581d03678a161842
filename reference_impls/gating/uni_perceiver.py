r"""# Uni-Perceiver-MoE: routing by attributes of the token

J. Zhu et al., *Uni-Perceiver-MoE: Learning Sparse Generalist Models with Conditional MoEs*,
[arXiv 2206.04674](https://arxiv.org/abs/2206.04674). The equations are those of the authors' public code
(fundamentalvision/Uni-Perceiver: `uniperceiver/task_moe/gate.py`, `datasets/moe_embeddings.py`,
`config/defaults.py`).

## The design

In a model for many tasks, tasks disturb each other if all tokens share all weights. Here the gate is told what kind
of token it has before it: eight binary attributes $a$, laid down beforehand, which the code sets by modality, task
and attention. The token's vector plays no part in the choice, so tokens of one kind always share their experts:

$$h = \mathrm{LayerNorm}\big(\phi(W_a a + b_a)\big), \qquad \ell = W_g h, \qquad p = \mathrm{softmax}(\ell)$$

$$y = \sum_{i \in \mathrm{top}K(\ell)} g_i\, E_i(x), \qquad
g_i = \begin{cases} p_i \big/ \sum_{j \in \mathrm{top}K(\ell)} p_j & K > 1 \\ p_i & K = 1 \end{cases}$$

In training noise is added, anew for each token. With `gumbel` the $K$ experts are those of the largest
$\ell_i + c\, \epsilon_i$, $\epsilon$ from the standard Gumbel distribution, while the weights stay those of $\ell$.
With `normal` the noise has standard deviation $c / N$ and enters the weights, too.

| symbol | meaning | here |
|---|---|---|
| $x$ | a token's vector, after the layer's norm | `x_TD` |
| $a$ | its attributes, 0 or 1 | a row of `router.attribute_VA`, by `token_id` |
| $W_a, b_a$ | map of the attributes to the model's width | `router.attribute_map` |
| $\phi$ | nothing, or GELU | `router_activation` |
| $W_g$ | router weights | `router.weight_ED` |
| $N$, $K$ | experts, and experts of one token | `n_experts`, `experts_per_token` |
| $c$ | scale of the noise | `noise_scale` |

The attributes of a byte are: letter, capital, digit, blank, line break, bracket, other sign, outside ASCII text. On
the clustered task they are the binary digits of the word's number: the router must learn which of them matter.

As all tokens of a kind have the same route, the routes can be computed once and for all after training, and the
experts' weights of one kind be merged. That is what makes the attributes cheaper than a gate that reads the token.

## What the metrics mean

- `cross_entropy`: nats per byte of text; `bits_per_byte` is the same divided by $\ln 2$.
- `aux_load_balance`: $N \sum_i D_i P_i$ with the share of first choices $D_i$ (noise included) and the mean probability
  $P_i$, if `balance_coefficient` is above 0; 1 is balance.
- `load_cv`, `max_violation`: spread of the load. Text has far more letters than brackets, so without noise it
  cannot be even.
- `router_entropy`: of $p$, in nats.
- `routes`: different routes among the tokens of a batch, in the choice as it was made. Outside training at most the
  number of different attribute vectors; in training the noise makes more.
- `dropped_fraction`: always 0.

## Which tokens see each other

None: the choice hangs on the token's own attributes. (A gate that reads the context, another of the paper's
conditions, could see later tokens.)

## Where it deviates

- The authors' attributes describe modality, task and how a token attends; a byte-level model has one modality and one
  task, so the byte's kind takes their place.
- The paper compares five conditions: token, context, modality, task, attributes. The authors' code has the attributes
  alone; the others are not defined in a source at hand. A gate that reads the token is `mixtral-top2`, one that reads
  the task is `task-level`.
- The code makes experts of each linear map, also of attention's, and a gate for each; here a feed-forward is an
  expert.
- The code's default is one expert a token and Gumbel noise of scale 1; the settings of the published models were not
  at hand. Here two experts, and the same noise.
- The code has a balancing loss, off by default and weighted by task; here the plain one, off by default.

## What it was checked against

A plain float64 loop over tokens with attributes worked out from the characters: outputs, in training with both kinds
of noise and outside, and the gradients of the router's weights by finite differences. Properties: tokens of one kind
share a route whatever their vectors, weights add up to one. No independent library routes this way.

## How long, and what to see

A default run takes about as long as one of `mixtral-top2`, whose experts it has. On the clustered task the words'
digits lead the router to the clusters: `information` shows how far it learnt to ignore the two digits that say
nothing. On text `routes` at validation stays small, and the load shows which kinds of bytes found each other.
`noise: none` shows what becomes of the choice without exploration.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.configs.uni_perceiver import UniPerceiverConfig
from reference_impls.core.build import moe_layer
from reference_impls.core.layer import MoELayer
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.noise import gumbel_noise
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    RoutingContext,
    SparseRouting,
    top_k_routing,
    wide_linear,
)


class UniPerceiverRouter(LinearRouter):
    """Top-k routing of attributes; see the module's docstring."""

    attribute_VA: Tensor

    def __init__(self, config: UniPerceiverConfig) -> None:
        super().__init__(config.d_model, config.n_experts)
        self.config = config
        self.attribute_map = nn.Linear(config.n_attributes, config.d_model)
        self.norm = nn.LayerNorm(config.d_model)
        table = byte_attributes() if config.task == "text" else binary_digits(config.n_attributes)
        self.register_buffer("attribute_VA", table, persistent=False)

    def forward(self, x_TD: Tensor, context: RoutingContext) -> SparseRouting:
        """Route each token by the attributes of its kind."""
        config, k = self.config, self.config.experts_per_token
        logit_TE = self.kind_logits()[context.need("token_id", below=len(self.attribute_VA))]
        score_TE = logit_TE
        if self.training and config.noise == "gumbel":
            score_TE = logit_TE + config.noise_scale * gumbel_noise(logit_TE)
        elif self.training and config.noise == "normal":
            score_TE = logit_TE = logit_TE + config.noise_scale / self.n_experts * torch.randn_like(logit_TE)
        expert_TK = score_TE.topk(k, dim=-1).indices
        probability_TE = logit_TE.softmax(-1)
        weight_TK = probability_TE.gather(1, expert_TK)
        if k > 1:
            weight_TK = logit_TE.gather(1, expert_TK).softmax(-1)
        losses = {}
        if config.balance_coefficient > 0:
            balance = load_balancing_loss(probability_TE, expert_TK, "first-choice")
            losses["load_balance"] = AuxiliaryLoss(balance, config.balance_coefficient)
        n_routes = len(expert_TK.sort(-1).values.unique(dim=0))  # type: ignore[no-untyped-call]
        return top_k_routing(
            weight_TK, expert_TK, self.n_experts, probability_TE=probability_TE, losses=losses,
            stats={"routes": float(n_routes)},
        )  # fmt: skip

    def kind_logits(self) -> Tensor:
        """Router logits of each kind of token, [V, E] in at least float32."""
        mapped_VD = wide_linear(self.attribute_VA, self.attribute_map.weight, self.attribute_map.bias)
        if self.config.router_activation == "gelu":
            mapped_VD = F.gelu(mapped_VD)
        wide = mapped_VD.dtype
        norm = self.norm
        normed_VD = F.layer_norm(mapped_VD, norm.normalized_shape, norm.weight.to(wide), norm.bias.to(wide), norm.eps)
        return self.logits(normed_VD)


def byte_attributes() -> Tensor:
    """The attributes of each byte, [256, 8], in the order of `BYTE_ATTRIBUTES`."""
    rows = []
    for byte in range(256):
        sign, plain = chr(byte), 32 <= byte < 127
        letter, digit = plain and sign.isalpha(), plain and sign.isdigit()
        blank, bracket = sign in " \t\n\r\f", sign in "()[]{}<>"
        other = plain and not (letter or digit or blank or bracket)
        outside = not (plain or blank)
        rows.append((letter, letter and sign.isupper(), digit, blank, sign in "\n\r", bracket, other, outside))
    return torch.tensor(rows, dtype=torch.float32)


def binary_digits(n_digits: int) -> Tensor:
    """The binary digits of the numbers below 2^n, the lowest first, [2^n, n]."""
    number_V1 = torch.arange(2**n_digits)[:, None]
    return ((number_V1 >> torch.arange(n_digits)) & 1).to(torch.float32)


def make_layer(config: UniPerceiverConfig) -> MoELayer:
    """A layer routed by attributes: router and SwiGLU experts."""
    return moe_layer(config, UniPerceiverRouter(config))

"""The router of Uni-Perceiver conditional routing; the page is README.md."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.core.build import routed_by
from reference_impls.core.design import Design
from reference_impls.core.losses import load_balancing_loss
from reference_impls.core.noise import gumbel_noise
from reference_impls.core.routing import (
    AuxiliaryLoss,
    LinearRouter,
    RoutingContext,
    SparseRouting,
    float32_linear,
    top_k_routing,
)
from reference_impls.designs.conditional_router.config import UniPerceiverConfig


class UniPerceiverRouter(LinearRouter[UniPerceiverConfig]):
    """Top-k routing of attributes; see README.md."""

    attribute_VA: Tensor

    def __init__(self, config: UniPerceiverConfig) -> None:
        super().__init__(config)
        self.attribute_map = nn.Linear(config.n_attributes, config.d_model)
        self.norm = nn.LayerNorm(config.d_model)
        table = byte_attributes() if config.attributes == "kind of byte" else binary_digits(config.n_attributes)
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
        mapped_VD = float32_linear(self.attribute_VA, self.attribute_map.weight, self.attribute_map.bias)
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


make_layer = routed_by(UniPerceiverRouter, UniPerceiverConfig)
DESIGN = Design(make_layer)

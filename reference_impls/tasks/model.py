"""A small decoder-only transformer over bytes, whose feed-forwards may be mixtures of experts."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reference_impls.config import RunConfig
from reference_impls.core.build import dense_layer
from reference_impls.core.layer import LayerInfo, MoELayer
from reference_impls.tasks.sizes import VOCABULARY


class ByteTransformer(nn.Module):
    """Pre-norm transformer with rotary positions; `config` decides which layers have experts.

    Args:
        config: widths and depths.
        make_layer: makes the feed-forward of a layer with experts.
    """

    def __init__(self, config: RunConfig, make_layer: Callable[[Any], nn.Module]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, config.layer.d_model)
        self.blocks = nn.ModuleList(
            Block(config, make_layer(config.layer) if config.is_moe_layer(layer) else dense_layer(config.layer))
            for layer in range(config.layer.n_layers)
        )
        self.norm = nn.RMSNorm(config.layer.d_model)
        self.head = nn.Linear(config.layer.d_model, VOCABULARY, bias=False)
        nn.init.normal_(self.embedding.weight, std=0.5)
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(
        self, token_BS: Tensor, real_BS: Tensor | None = None, **context: Tensor
    ) -> tuple[Tensor, dict[str, LayerInfo]]:
        """Predict the byte after each byte.

        Args:
            token_BS: bytes, int64.
            real_BS: bool, False marks padding, which nothing attends to and no expert sees.
            context: `domain` or `task` of each sequence, for designs that route by it.

        Returns:
            Logits [B, S, 256], and the reports of the layers with experts by name ("layer 1").
        """
        x_BSD = self.embedding(token_BS)
        mask_BSS = _attention_mask(real_BS) if real_BS is not None else None
        infos = {}
        for number, block in enumerate(self.blocks):
            x_BSD, info = block(x_BSD, mask_BSS, real_BS, {"token_id": token_BS, **context})
            if info is not None:
                infos[f"layer {number}"] = info
        return self.head(self.norm(x_BSD)), infos


class Block(nn.Module):
    """Attention, then a feed-forward with or without experts, each with a norm before and a residual."""

    def __init__(self, config: RunConfig, feed_forward: nn.Module) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.layer.d_model)
        self.attention = Attention(config)
        self.feed_forward_norm = nn.RMSNorm(config.layer.d_model)
        self.feed_forward = feed_forward

    def forward(
        self, x_BSD: Tensor, mask_BSS: Tensor | None, real_BS: Tensor | None, context: dict[str, Tensor]
    ) -> tuple[Tensor, LayerInfo | None]:
        """The residual stream after this layer, and the experts' report if there are experts."""
        x_BSD = x_BSD + self.attention(self.attention_norm(x_BSD), mask_BSS)
        normed_BSD = self.feed_forward_norm(x_BSD)
        if isinstance(self.feed_forward, MoELayer):
            y_BSD, info = self.feed_forward(normed_BSD, real_BS, **context)
            return x_BSD + y_BSD, info
        return x_BSD + self.feed_forward(normed_BSD), None


class Attention(nn.Module):
    """Causal multi-head attention with rotary positions."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.n_heads = config.model.n_heads
        self.qkv = nn.Linear(config.layer.d_model, 3 * config.layer.d_model, bias=False)
        self.out = nn.Linear(config.layer.d_model, config.layer.d_model, bias=False)
        nn.init.normal_(self.qkv.weight, std=config.layer.d_model**-0.5)
        # Each layer adds to the residual stream: keep the sum of all of them of order one.
        nn.init.normal_(self.out.weight, std=(2 * config.layer.n_layers * config.layer.d_model) ** -0.5)

    def forward(self, x_BSD: Tensor, mask_BSS: Tensor | None) -> Tensor:
        """Attend to this and earlier positions, as far as the mask (True: may attend) allows."""
        B, S, D = x_BSD.shape
        heads = self.qkv(x_BSD).view(B, S, 3, self.n_heads, D // self.n_heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        query, key = _rotate(query), _rotate(key)
        mask = None if mask_BSS is None else mask_BSS[:, None]
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)
        return self.out(mixed.transpose(1, 2).reshape(B, S, D))  # type: ignore[no-any-return]


def _rotate(x_BHSd: Tensor) -> Tensor:
    """Rotary position embedding: rotate each pair of coordinates by an angle proportional to the place."""
    S, d = x_BHSd.shape[-2:]
    wide = torch.promote_types(x_BHSd.dtype, torch.float32)
    place = torch.arange(max(S, d), device=x_BHSd.device, dtype=wide)
    angle = place[:S, None] * torch.exp(place[:d:2] * (-math.log(10_000.0) / d))
    cos, sin = angle.cos().to(x_BHSd.dtype), angle.sin().to(x_BHSd.dtype)
    first, second = x_BHSd.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def _attention_mask(real_BS: Tensor) -> Tensor:
    """True where position q (second axis) may attend to position k (third): k <= q and k is not padding.

    Every position may attend to itself, also padding: a row of nothing would make the softmax NaN.
    """
    S = real_BS.shape[1]
    ones_SS = torch.ones(S, S, dtype=torch.bool, device=real_BS.device)
    return (ones_SS.tril() & real_BS[:, None, :]) | torch.eye(S, dtype=torch.bool, device=real_BS.device)

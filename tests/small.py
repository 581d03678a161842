"""Small architectures for tests of sizing: widths that give every product another value."""

from typing import Any

from moe_kb.records import Architecture

D, V = 12, 50

ATTENTION = {"kind": "attention", "n_heads": 4, "n_kv_heads": 2, "d_head": 6}
INDEXER = {"n_heads": 3, "d_head": 4, "top_k": 9}
MLA = {"kind": "mla", "n_heads": 4, "kv_rank": 5, "d_nope": 6, "d_rope": 2, "d_value": 3}
COMPRESSED = {
    "kind": "compressed-attention", "n_heads": 4, "d_head": 6, "d_rope": 2, "q_rank": 7, "window": 16, "ratio": 4,
    "o_groups": 2, "o_rank": 3,
}  # fmt: skip
ATTENTION_EXPERTS = {
    "kind": "attention-experts", "n_routed_experts": 5, "experts_per_token": 2, "n_heads": 3, "n_kv_heads": 3,
    "d_head": 4,
}  # fmt: skip
MAMBA = {"kind": "mamba", "d_state": 3, "d_conv": 4, "expand": 2, "dt_rank": 5}
MAMBA2 = {"kind": "mamba2", "d_state": 3, "d_conv": 4, "n_heads": 5, "d_head": 7, "n_groups": 2}
DELTA = {"kind": "gated-deltanet", "n_heads": 4, "n_key_heads": 2, "d_key": 3, "d_value": 5, "d_conv": 4}
KDA = {"kind": "kda", "n_heads": 4, "d_key": 3, "d_value": 5, "d_conv": 4}
LIGHTNING = {"kind": "lightning", "n_heads": 2, "d_key": 3, "d_value": 3}
CONVOLUTION = {"kind": "short-convolution", "d_conv": 3}
DENSE = {"kind": "dense", "d_ffn": 20, "activation": "swiglu"}
MOE = {"kind": "moe", "n_routed_experts": 8, "experts_per_token": 2, "d_expert": 5, "activation": "swiglu"}


def architecture(*sublayers: dict[str, Any], repeat: int = 1, **fields: Any) -> Architecture:
    """A decoder of `repeat` layers of these sublayers; a field of None is left out."""
    given = {
        "source": "s", "locator": "config.json", "d_model": D, "vocab_size": V, "tied_embeddings": False, "norm": "rms",
        "decoder": {"groups": [{"repeat": repeat, "sublayers": list(sublayers)}]} if sublayers else None,
    } | fields  # fmt: skip
    return Architecture.model_validate({name: value for name, value in given.items() if value is not None})

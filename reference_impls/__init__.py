"""Runnable reference implementations of Mixture-of-Experts designs.

Importing this package, or its `catalogue`, does not import torch: a catalogue can be listed on a machine
that cannot train. See `python -m reference_impls --help`, and `make_layer` for use from Python.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference_impls.core.layer import MoELayer

__version__ = "0.1.0"


def make_layer(key: str, **fields: Any) -> "MoELayer":
    """The MoE layer of a design, freshly initialised.

    >>> layer = make_layer("mixtral-top2-router", d_model=64, d_expert=128, n_experts=8, experts_per_token=2)
    >>> y, info = layer(torch.randn(4, 16, 64))  # [batch, sequence, d_model]
    >>> info.routing, info.losses, info.stats

    Args:
        key: the design, one of `python -m reference_impls list`.
        fields: settings of its layer: `d_model`, `d_expert`, `n_experts`, and the design's own.

    Raises:
        KeyError: for an unknown key; the message has the nearest ones.
        ConfigError: for a field that is unknown or out of bounds; one line that names it and the bound.
    """
    from reference_impls.catalogue import find, nearest
    from reference_impls.config import check_config

    entry = find(key)
    if entry is None:
        near = nearest(key)
        raise KeyError(f"no design {key!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""))
    return entry.design.make_layer(check_config(entry.layer_class, fields))

"""How finely a layer is cut into experts; one definition for described layers and for hyperparameters."""

from __future__ import annotations

from fractions import Fraction


def dense_equivalents(*, d_model: int, d_expert: int, matrices: int, d_input: int | None = None) -> Fraction:
    """How many experts have as many weights as a dense feed-forward network of width 4 D without a gate: 8 D^2.

    For experts of two matrices it is 4 D / F, the granularity of Krajewski et al. (arXiv 2402.07871); counted in
    weights, it compares gated experts with others.

    Args:
        d_model: Width of the residual stream, D.
        d_expert: Hidden width of an expert, F.
        matrices: Weight matrices of an expert: 2, with a gate 3.
        d_input: Width that the experts work in, where it is not D.
    """
    return Fraction(8 * d_model**2, matrices * (d_input or d_model) * d_expert)

"""Settings of MixER's k-means router."""

from typing import Literal

from reference_impls.config import TopOneConfig, expert_width, setting


class MixerKmeansConfig(TopOneConfig):
    """One expert a token: that of its cluster."""

    d_expert: int = expert_width(256)
    gate: Literal["least-squares", "nearest"] = setting(
        "least-squares",
        "How a token finds its expert: by a linear gate fitted to the clusters, or by the nearest prototype itself.",
    )
    kmeans_steps: int = setting(
        20, "Most steps of k-means in each training batch, from the prototypes so far.", unit="steps", ge=1, le=1000
    )
    kmeans_tolerance: float = setting(
        1e-3, "k-means ends when no coordinate of a prototype moves by more.", ge=0, le=10
    )
    gate_noise: float = setting(
        1e-4,
        "Size of noise on the tokens' coordinates, relative to theirs, that the least-squares fit allows for.",
        ge=1e-6,
        le=1,
    )


LAYER = MixerKmeansConfig

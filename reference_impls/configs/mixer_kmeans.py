"""Settings of MixER's k-means router (`gating/mixer_kmeans.py`)."""

from typing import Literal

from reference_impls.configs.base import RuleConfig, expert_width, setting
from reference_impls.entry import Entry


class MixerKmeansConfig(RuleConfig):
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


ENTRIES = (
    Entry(
        key="mixer-kmeans",
        name="MixER k-means",
        summary="k-means finds a cluster of tokens for each expert; a linear gate, fitted to it, sends tokens there.",
        family="token choice",
        year=2025,
        designs=("mixer-kmeans-router",),
        papers=("mixer",),
        causal="yes",
        oracle="scikit-learn: KMeans; numpy: linalg.lstsq; a float64 loop for outputs and gradients",
        deviations=(
            "tokens' vectors are clustered, where the paper clusters learned context vectors of dynamical systems",
            "Euclidean distance as printed in survey B; the authors' code takes the mean absolute difference",
            "a cluster keeps its expert; the authors' code matches clusters and experts anew by the experts' losses",
            "an empty cluster stays where it is; the authors' code skips the fit and starts k-means anew",
            "k-means starts from tokens far apart (k-means++); the authors' code from small random numbers",
        ),
        config_class=MixerKmeansConfig,
        gating="mixer_kmeans",
        beyond="k-means and a fit of the gate in training",
    ),
)

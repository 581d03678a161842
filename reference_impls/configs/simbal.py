"""Settings of the similarity-preserving router, SimBal (`gating/simbal.py`)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from reference_impls.configs.base import TopKConfig, setting
from reference_impls.entry import Entry


class SimBalConfig(TopKConfig):
    """Top-k routing whose router matrix is kept close to orthonormal, with no other balancing loss."""

    task_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "clusters": {**TopKConfig.task_defaults["clusters"], "experts_per_token": 1},
    }

    orthonormality_coefficient: float = setting(
        0.1, "Weight of the router's distance from an orthonormal matrix (0: nothing balances).", ge=0, le=10
    )
    z_coefficient: float = setting(1e-5, "Weight of the router z-loss of each layer (0: none).", ge=0, le=10)


ENTRIES = (
    Entry(
        key="simbal",
        name="SimBal",
        summary="The router's matrix is pulled towards an orthonormal one, so that like tokens keep like experts.",
        family="token choice",
        year=2025,
        designs=("similarity-preserving-balance",),
        papers=("similarity-preserving-routers",),
        causal="yes",
        oracle="transformers: OlmoeSparseMoeBlock, outputs and gradients; torch's entrywise norm for the loss; a "
        "float64 loop of the equations",
        deviations=(
            "few experts, a byte-level model of a few layers with ordinary multi-head attention",
            "no biases in the experts, which are SwiGLU",
            "with more experts than dimensions the loss cannot reach zero; the paper has far fewer",
        ),
        config_class=SimBalConfig,
        gating="simbal",
    ),
)

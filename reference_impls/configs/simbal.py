"""Settings of the similarity-preserving router, SimBal (`gating/simbal.py`)."""

from typing import ClassVar

from reference_impls.configs.base import TaskDefaults, TopKConfig, loss_weight
from reference_impls.entry import Entry


class SimBalConfig(TopKConfig):
    """Top-k routing whose router matrix is kept close to orthonormal, with no other balancing loss."""

    task_defaults: ClassVar[TaskDefaults] = {
        "clusters": {"experts_per_token": 1},
    }

    orthonormality_coefficient: float = loss_weight(
        0.1, "the router's distance from an orthonormal matrix (0: nothing balances)"
    )
    z_coefficient: float = loss_weight(1e-5, "the router z-loss of each layer (0: none)")


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

"""Cost-aware routing is asked what HMoE is asked."""

from reference_impls.designs.heterogeneous_experts.checks import checks

__all__ = ["checks"]

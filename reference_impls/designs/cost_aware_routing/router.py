"""The router of cost-aware routing is that of HMoE, with a price; the page is README.md."""

from reference_impls.designs.heterogeneous_experts.router import DESIGN

__all__ = ["DESIGN"]

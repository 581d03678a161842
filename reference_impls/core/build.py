"""Layers from their settings: the parts that no design does differently."""

from collections.abc import Callable

from reference_impls.config import LayerConfig
from reference_impls.core.experts import ExpertBank, ReLUExperts, SwiGLUExperts
from reference_impls.core.layer import DenseLayer, MoELayer
from reference_impls.core.routing import Config, Router

_KINDS: dict[str, type[ExpertBank]] = {"relu": ReLUExperts, "swiglu": SwiGLUExperts}


def expert_bank(config: LayerConfig, n_experts: int | None = None, d_expert: int | None = None) -> ExpertBank:
    """Experts of the config's kind; number and width are the config's unless given.

    Initial weights have variance 1 over the number of inputs, those of the outputs 1 / (2 * layers) of that:
    as attention's output does, so that 2 * n_layers parts add up in the residual stream to order one.
    """
    bank = _KINDS[config.expert_kind](
        config.n_experts if n_experts is None else n_experts,
        config.d_model,
        config.d_expert if d_expert is None else d_expert,
    )
    bank.initialise(scale=1.0, output_scale=1 / (2 * config.n_layers))
    return bank


def moe_layer(config: LayerConfig, router: Router, layer_class: type[MoELayer] = MoELayer) -> MoELayer:
    """A layer of the config's experts, with its shared experts, if any, as one of their joint width."""
    width = config.always_active_experts * config.d_expert
    shared = expert_bank(config, 1, width) if width else None
    return layer_class(router, expert_bank(config), shared)


def routed_by(
    router: Callable[[Config], Router], config_class: type[Config], layer_class: type[MoELayer] = MoELayer
) -> Callable[[Config], MoELayer]:
    """The `make_layer` of a design whose layer is its router and the config's experts, see `moe_layer`."""

    def make_layer(config: Config) -> MoELayer:
        return moe_layer(config, router(config), layer_class)

    make_layer.__annotations__["config"] = config_class  # checks read there what to make layers from
    return make_layer


def dense_layer(config: LayerConfig) -> DenseLayer:
    """The feed-forward of the layers without experts: one expert."""
    return DenseLayer(expert_bank(config, 1))

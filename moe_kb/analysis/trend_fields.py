"""What is followed through time of released models: the measures with their definitions."""

from __future__ import annotations

from dataclasses import dataclass

from moe_kb.fields import FIELDS, Axis, Field


@dataclass(frozen=True, slots=True)
class TrendField(Field):
    """What is followed through time: a number of a configuration, or a word about it."""

    formula: str = ""
    """LaTeX of the definition; empty where the value is as a source gives it."""
    parts: tuple[str, ...] = ()
    """Fields that it is computed from, for the sources."""
    whole: bool = False
    """Whether its values are few or round, so that marks of equal value stand in one line."""
    design: str | None = None
    """Design whose equation defines it."""

    @property
    def words(self) -> bool:
        """Whether its values are words."""
        return self.axis == "words"

    @property
    def percent(self) -> bool:
        """Whether its values are percentages."""
        return self.unit.startswith("percent")


def _as_reported(name: str, description: str = "", *, whole: bool = False) -> TrendField:
    """A field of configurations, as sources give it."""
    field = FIELDS[name]
    return TrendField(
        name, field.label, field.unit, description, field.group, field.axis, field.symbol, parts=(name,), whole=whole
    )


def _computed(
    name: str,
    label: str,
    unit: str,
    formula: str,
    description: str,
    parts: str,
    *,
    axis: Axis = "log",
    whole: bool = False,
    design: str | None = None,
) -> TrendField:
    """A field that follows from others."""
    of = tuple(parts.split())
    return TrendField(
        name, label, unit, description, "computed", axis, formula=formula, parts=of, whole=whole, design=design
    )


_FINE_GRAINED = "design:fine-grained-experts"
TRENDS = {
    trend.name: trend
    for trend in (
        _computed(
            "chosen_share",
            "Active experts (k / E)",
            "percent of the routed experts",
            r"s_E = k / E",
            "$k$: routed experts a token uses in a layer; $E$: routed experts of a layer. Shared experts count in "
            "neither. Lower is sparser. Where experts without computation compete, $k$ is an upper bound.",
            "experts_per_token n_routed_experts",
            whole=True,
        ),
        _computed(
            "active_share",
            "Active parameters (share)",
            "percent of all parameters",
            r"s_N = N_\mathrm{active} / N_\mathrm{total}",
            "$N_\\mathrm{active}$: parameters a token uses; $N_\\mathrm{total}$: all parameters. Lower is sparser.",
            "params_active params_total",
        ),
        _computed(
            "granularity",
            "Granularity",
            "dense-equivalent widths per expert width",
            r"G = \frac{d_\mathrm{ffn}^{\,=}}{d_\mathrm{expert}}, \qquad "
            r"d_\mathrm{ffn}^{\,=} = \frac{8\,d_\mathrm{model}^2}{n_W\,d_\mathrm{in}}",
            "$d_\\mathrm{expert}$: hidden width of a routed expert; $d_\\mathrm{ffn}^{\\,=}$: width of the expert that "
            "has as many weights as a dense network of the usual width, $4\\,d_\\mathrm{model}$ with two matrices; "
            "$n_W$: matrices of an expert (2, with a gate 3); $d_\\mathrm{in}$: width the experts work in, "
            "$d_\\mathrm{model}$ unless the layer first projects down. So the dense-equivalent width is "
            "$4\\,d_\\mathrm{model}$ without a gate and $\\frac{8}{3}\\,d_\\mathrm{model}$ with one. Higher is finer.",
            "d_model d_expert activation",
            whole=True,
            design=_FINE_GRAINED,
        ),
        _computed(
            "segmentation",
            "Expert segmentation",
            "dense widths per expert width",
            r"m = d_\mathrm{ffn} / d_\mathrm{expert}",
            "$d_\\mathrm{ffn}$: hidden width of the dense networks that the sources give for the same model; "
            "$d_\\mathrm{expert}$: hidden width of a routed expert. It is 1 where an expert is a copy of the dense "
            "network, and says nothing where a model has no dense layers of its own.",
            "d_ffn d_expert",
            whole=True,
            design=_FINE_GRAINED,
        ),
        _as_reported(
            "n_shared_experts",
            "Experts that every token uses, as many as the source counts; several may be built as one network.",
            whole=True,
        ),
        _as_reported("experts_per_token", "Routed experts that a token uses in a layer.", whole=True),
        _as_reported("n_routed_experts", "Routed experts of a layer.", whole=True),
        _as_reported("params_total", "All parameters."),
        _as_reported("params_active", "Parameters that a token uses."),
        _computed(
            "moe_share",
            "Layers with experts",
            "percent of the layers",
            r"L_\mathrm{MoE} / L",
            "$L_\\mathrm{MoE}$: MoE layers; $L$: all layers. Where only a placement is printed (every second layer, "
            "all but the first), the share is computed from it.",
            "n_moe_layers n_layers moe_placement",
            axis="linear",
        ),
        _as_reported("d_model"),
        _as_reported("d_ffn"),
        _as_reported("d_expert"),
        TrendField(
            "attention_width", "Query heads times head width", "dimensions", axis="log", parts=("n_heads", "d_head")
        ),
        TrendField("score", "Router score", description="Function that turns the router's logits into weights."),
        TrendField("router", "Router design", description="The gating design that a configuration names."),
        TrendField(
            "balancing",
            "Balancing",
            description="What keeps the load of the experts even, as far as a source ties it to the model: a loss "
            "named by the model's paper or weighted in its configuration file, a bias for the choice of experts, or "
            "both. A weight in a file need not be the one used in pre-training.",
        ),
        _as_reported("activation", "Activation of the experts."),
    )
}
#: What the page follows through time; the other measures stand in questions only.
FOLLOWED = tuple(name for name, trend in TRENDS.items() if trend.description)
#: Those of them that are numbers and stand side by side.
SIDE_BY_SIDE = (
    "chosen_share",
    "active_share",
    "granularity",
    "experts_per_token",
    "n_routed_experts",
    "n_shared_experts",
    "params_total",
    "params_active",
    "moe_share",
)
#: What marks can be coloured by.
COLOUR_BY = {
    "organisation": "Organisation",
    "score": "Router score",
    "balancing": "Balancing",
    "openness": "Openness",
    "described_by": "Described by",
}

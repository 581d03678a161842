"""What is followed through time of released models: the measures with their definitions."""

from __future__ import annotations

from dataclasses import dataclass

from moe_kb.figures.models import Measure


@dataclass(frozen=True, slots=True)
class Trend(Measure):
    """What is followed through time: a number of a configuration, or a word about it."""

    formula: str = ""
    """LaTeX of the definition; empty where the value is as a source gives it."""
    meaning: str = ""
    """What it says, its symbols included; markdown."""
    fields: tuple[str, ...] = ()
    """What it is computed from, for the sources."""
    whole: bool = False
    """Whether its values are few or round, so that marks of equal value stand in one line."""
    words: bool = False
    """Whether its values are words."""
    design: str | None = None
    """Design whose equation defines it."""


_COUNTS = (
    "$k$: routed experts a token uses in a layer; $E$: routed experts of a layer. Shared experts count in neither."
)
TRENDS = {
    trend.name: trend
    for trend in (
        Trend(
            "chosen_share",
            "Experts chosen",
            "percent of the routed experts",
            True,
            r"s_E = k / E",
            f"{_COUNTS} Lower is sparser. Where experts without computation compete, $k$ is an upper bound.",
            ("experts_per_token", "n_routed_experts"),
            whole=True,
        ),
        Trend(
            "active_share",
            "Parameters active",
            "percent of all parameters",
            True,
            r"s_N = N_\mathrm{active} / N_\mathrm{total}",
            "$N_\\mathrm{active}$: parameters a token uses; $N_\\mathrm{total}$: all parameters. Lower is sparser.",
            ("params_active", "params_total"),
        ),
        Trend(
            "granularity",
            "Granularity",
            "dense-equivalent widths per expert width",
            True,
            r"G = \frac{d_\mathrm{ffn}^{\,=}}{d_\mathrm{expert}}, \qquad "
            r"d_\mathrm{ffn}^{\,=} = \frac{8\,d_\mathrm{model}^2}{n_W\,d_\mathrm{in}}",
            "$d_\\mathrm{expert}$: hidden width of a routed expert; $d_\\mathrm{ffn}^{\\,=}$: width of the expert that "
            "has as many weights as a dense network of the usual width, $4\\,d_\\mathrm{model}$ with two matrices; "
            "$n_W$: matrices of an expert (2, with a gate 3); $d_\\mathrm{in}$: width the experts work in, "
            "$d_\\mathrm{model}$ unless the layer first projects down. So the dense-equivalent width is "
            "$4\\,d_\\mathrm{model}$ without a gate and $\\frac{8}{3}\\,d_\\mathrm{model}$ with one. Higher is finer.",
            ("d_model", "d_expert", "activation"),
            whole=True,
            design="design:fine-grained-experts",
        ),
        Trend(
            "segmentation",
            "Own dense width",
            "dense widths per expert width",
            True,
            r"m = d_\mathrm{ffn} / d_\mathrm{expert}",
            "$d_\\mathrm{ffn}$: hidden width of the dense networks that the sources give for the same model; "
            "$d_\\mathrm{expert}$: hidden width of a routed expert. It is 1 where an expert is a copy of the dense "
            "network, and says nothing where a model has no dense layers of its own.",
            ("d_ffn", "d_expert"),
            whole=True,
            design="design:fine-grained-experts",
        ),
        Trend(
            "n_shared_experts",
            "Shared experts",
            "experts per layer",
            False,
            meaning="Experts that every token uses, as many as the source counts; several may be built as one network.",
            fields=("n_shared_experts",),
            whole=True,
        ),
        Trend(
            "experts_per_token",
            "Experts per token, k",
            "routed experts",
            True,
            meaning="Routed experts that a token uses in a layer.",
            fields=("experts_per_token",),
            whole=True,
        ),
        Trend(
            "n_routed_experts",
            "Routed experts, E",
            "experts per layer",
            True,
            meaning="Routed experts of a layer.",
            fields=("n_routed_experts",),
            whole=True,
        ),
        Trend(
            "params_total",
            "Total parameters",
            "parameters",
            True,
            meaning="All parameters.",
            fields=("params_total",),
        ),
        Trend(
            "params_active",
            "Active parameters",
            "parameters per token",
            True,
            meaning="Parameters that a token uses.",
            fields=("params_active",),
        ),
        Trend(
            "moe_share",
            "Layers with experts",
            "percent of the layers",
            False,
            r"L_\mathrm{MoE} / L",
            "$L_\\mathrm{MoE}$: layers that hold a mixture; $L$: all layers. Where only a placement is printed "
            "(every second layer, all but the first), the share is computed from it.",
            ("n_moe_layers", "n_layers", "moe_placement"),
        ),
        Trend("d_model", "Model width", "dimensions", True, fields=("d_model",)),
        Trend("d_ffn", "Dense FFN width", "dimensions", True, fields=("d_ffn",)),
        Trend("d_expert", "Expert width", "dimensions", True, fields=("d_expert",)),
        Trend(
            "attention_width",
            "Query heads times head width",
            "dimensions",
            True,
            fields=("n_heads", "d_head"),
        ),
        Trend("score", "Router score", "", words=True, meaning="Function that turns the router's logits into weights."),
        Trend("router", "Router design", "", words=True, meaning="The gating design that a configuration names."),
        Trend(
            "balancing",
            "Balancing",
            "",
            words=True,
            meaning="What keeps the load of the experts even, as far as a source ties it to the model: a loss named "
            "by the model's paper or weighted in its configuration file, a bias for the choice of experts, or both. "
            "A weight in a file need not be the one used in pre-training.",
        ),
        Trend(
            "activation",
            "Activation",
            "",
            words=True,
            meaning="Activation of the experts.",
            fields=("activation",),
        ),
    )
}
#: What the page follows through time; the other measures stand in questions only.
FOLLOWED = tuple(name for name, trend in TRENDS.items() if trend.meaning)
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
COLOURS = {
    "organisation": "Organisation",
    "score": "Router score",
    "balancing": "Balancing",
    "openness": "Openness",
    "described_by": "Described by",
}

"""Settings of V-MoE's batch prioritised routing (`gating/vmoe_bpr.py`)."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from reference_impls.configs.base import CapacityConfig, TopKConfig, setting
from reference_impls.configs.digits import DIGITS_DEFAULTS
from reference_impls.entry import Entry


class VMoEConfig(TopKConfig, CapacityConfig):
    """V-MoE layers: k experts a token, whose places go to the tokens of largest score."""

    expert_kind: ClassVar[Literal["relu", "swiglu"]] = "relu"
    task_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        **TopKConfig.task_defaults,
        "digits": {**DIGITS_DEFAULTS, "moe_every": 2},
    }

    task: Literal["digits", "text", "clusters"] = setting(  # type: ignore[assignment]
        "digits",
        "What is learnt: which digit an image of 16 patches shows, the next byte of text (which the design can read "
        "ahead where it drops), or the label of points that come in clusters, each with a rule of its own.",
        group="run",
    )
    d_expert: int = setting(
        192, "Hidden width of an expert, and of a dense feed-forward.", group="model", ge=4, le=16_384
    )
    moe_every: int = setting(
        2,
        "Every how many layers the feed-forward is a V-MoE layer (2: layers 1, 3, ... from 0).",
        group="model",
        ge=1,
        le=48,
    )
    priority: Literal["score", "position"] = setting(
        "score",
        "Who is served first where an expert has too few places: the tokens of largest score (batch prioritised "
        "routing), or the earlier ones.",
    )
    capacity_factor_train: float = setting(
        1.05,
        "In training an expert takes at most ceil(factor * experts_per_token * tokens / n_experts) assignments "
        "a group.",
        gt=0,
        le=256,
    )
    capacity_factor_eval: float = setting(1.05, "The same factor outside training.", gt=0, le=256)
    noise: float = setting(
        1.0, "In training the logits get Gaussian noise of deviation noise / n_experts (0: none).", ge=0, le=100
    )
    importance_coefficient: float = setting(
        0.005, "Weight of the loss on uneven sums of probabilities of the experts, in each V-MoE layer.", ge=0, le=10
    )
    load_coefficient: float = setting(
        0.005,
        "Weight of the loss on uneven expected numbers of tokens of the experts, in each V-MoE layer.",
        ge=0,
        le=10,
    )


ENTRIES = (
    Entry(
        key="vmoe-bpr",
        name="V-MoE with batch prioritised routing",
        summary="Places in full experts go to the tokens that the router is surest of, not to those that come first.",
        family="token choice",
        year=2021,
        designs=("batch-prioritised-routing",),
        papers=("v-moe",),
        causal="where nothing is dropped",
        oracle="float64 loops over tokens, in both orders of service",
        deviations=(
            "images of 16 patches by default; it also runs on text, where it lets the future change the past",
            "ReLU instead of GELU experts, without biases",
            "capacity is rounded up, not to a multiple of four; the paper rounds to the nearest",
            "outside training, where there is no noise, the load loss shows the true counts",
        ),
        config_class=VMoEConfig,
        gating="vmoe_bpr",
    ),
)

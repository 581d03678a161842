"""Settings of gpt-oss's router with a bias and its clamped experts with biases."""

from typing import ClassVar

from reference_impls.config import TaskDefaults, TopKConfig, expert_count, expert_width, loss_weight, setting


class GptOssConfig(TopKConfig):
    """gpt-oss layers: the k largest biased logits, a softmax over them, clamped SwiGLU experts with biases."""

    task_defaults: ClassVar[TaskDefaults] = {"clusters": {"experts_per_token": 2}}

    # Four of many small experts, as wide together as Mixtral's two here.
    n_experts: int = expert_count(16)
    d_expert: int = expert_width(64, "Hidden width of an expert.")
    experts_per_token: int = setting(4, "Experts that each token passes through; at most n_experts.", ge=1, le=256)
    swiglu_gain: float = setting(1.702, "Gain of the sigmoid in the experts' gate.", group="model", gt=0, le=100)
    swiglu_limit: float = setting(
        7.0, "Where the experts' hidden values are clamped: the gate from above, the rest on both sides.",
        group="model", gt=0, le=1000,
    )  # fmt: skip
    balance_coefficient: float = loss_weight(0.02, "the load-balancing loss of each layer")


LAYER = GptOssConfig

r"""The `multitask` task: several regressions of the same inputs, as related as one likes.

The synthetic data of the MMoE paper (Ma et al., KDD 2018), as the generator in google-research published for it has it:
an input is drawn from a normal distribution, and the label of task k is a function of its product with one direction,

    y_k = w_k . x + sum_i sin(alpha_i w_k . x + beta_i) + noise,    alpha_i = i,  beta_i = (i - 1)^2,  i = 1, 2, ...

The directions have length one, and the cosine of any two is `task_correlation`: for two tasks the paper's
w_1 = u_1, w_2 = p u_1 + sqrt(1 - p^2) u_2 but for a rotation. The paper does not state alpha and beta; they are the
generator's. The last coordinate of an input is the constant one, so that experts without biases can shift.

Each task has a tower of its own, a narrow hidden layer, on what the layer makes of the input for that task; nothing
by-passes the layer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from reference_impls.config import MultitaskConfig, RegressionsConfig, RunConfig
from reference_impls.core.layer import LayerInfo, MoELayer
from reference_impls.entry import Entry
from reference_impls.tasks.base import Forward, MakeLayer, Task, draw_validation
from reference_impls.tasks.sizes import TOWER_WIDTH


@dataclass(frozen=True)
class Examples:
    """Inputs [B, S, D] and the label of each for every task [K, B, S]."""

    x_BSD: Tensor
    y_KBS: Tensor


def n_tasks(config: RunConfig) -> int:
    """How many tasks there are, which the layer knows, too."""
    assert isinstance(config.layer, MultitaskConfig)  # no other design offers the task
    return config.layer.n_tasks


class RegressionSource:
    """Draws examples; what the tasks are follows from the config alone."""

    def __init__(self, config: RunConfig) -> None:
        K, D = n_tasks(config), config.layer.d_model - 1
        task = config.task
        assert isinstance(task, RegressionsConfig)  # as that of every design for several tasks
        if K > D:
            raise ValueError(f"n_tasks = {K} must be at most d_model - 1 = {D}, the coordinates of an input")
        generator = torch.Generator().manual_seed(config.seed)
        basis_DD, _ = torch.linalg.qr(torch.randn(D, D, generator=generator))
        self.direction_KD = correlation_root(K, task.task_correlation) @ basis_DD[:K]
        self.noise, frequency_M = task.label_noise, torch.arange(1.0, task.n_sines + 1)
        self.alpha_M, self.beta_M = frequency_M, (frequency_M - 1).square()

    def draw(self, batch_size: int, length: int, generator: torch.Generator) -> Examples:
        """`batch_size` sequences of `length` independent examples."""
        x_BSD = torch.randn(batch_size, length, self.direction_KD.shape[1], generator=generator)
        along_KBS = torch.einsum("bsd,kd->kbs", x_BSD, self.direction_KD)
        sines_KBS = torch.sin(along_KBS[..., None] * self.alpha_M + self.beta_M).sum(-1)
        noise_KBS = self.noise * torch.randn(along_KBS.shape, generator=generator)
        one_BS1 = torch.ones(batch_size, length, 1)
        return Examples(torch.cat([x_BSD, one_BS1], dim=-1), along_KBS + sines_KBS + noise_KBS)


def correlation_root(n: int, correlation: float) -> Tensor:
    """A symmetric matrix whose rows have length one and any two the cosine `correlation`."""
    apart = (1 - correlation) ** 0.5
    together = ((1 + (n - 1) * correlation) ** 0.5 - apart) / n
    root: Tensor = apart * torch.eye(n) + together
    return root


class TowerModel(nn.Module):
    """One feed-forward for all tasks, with or without experts, and a tower for each."""

    def __init__(self, n_tasks: int, d_model: int, layer: nn.Module) -> None:
        super().__init__()
        K, D, H = n_tasks, d_model, TOWER_WIDTH
        self.layer = layer
        self.hidden_KHD, self.hidden_KH = nn.Parameter(torch.empty(K, H, D)), nn.Parameter(torch.zeros(K, H))
        self.out_KH, self.out_K = nn.Parameter(torch.empty(K, H)), nn.Parameter(torch.zeros(K))
        nn.init.normal_(self.hidden_KHD, std=D**-0.5)
        nn.init.normal_(self.out_KH, std=H**-0.5)

    def forward(self, x_BSD: Tensor) -> tuple[Tensor, dict[str, LayerInfo]]:
        """Predictions [K, B, S], and the layer's report under "layer 0" if it has experts.

        Every sequence passes through the layer once for each task.
        """
        K, (B, S, D) = len(self.out_K), x_BSD.shape
        copies = x_BSD.repeat(K, 1, 1)
        infos = {}
        if isinstance(self.layer, MoELayer):
            y_NSD, infos["layer 0"] = self.layer(copies, task=torch.arange(K).repeat_interleave(B))
        else:
            y_NSD = self.layer(copies)
        y_KND = y_NSD.view(K, B * S, D)
        hidden_KNH = torch.baddbmm(self.hidden_KH[:, None], y_KND, self.hidden_KHD.mT).relu()
        prediction_KN = (hidden_KNH * self.out_KH[:, None]).sum(-1) + self.out_K[:, None]
        return prediction_KN.view(K, B, S), infos


class MultitaskTask(Task):
    """Predict the labels of all tasks; mean squared error. Specialisation is judged by the tasks."""

    headline: ClassVar[str] = "squared_error"
    higher_is_better: ClassVar[bool] = False

    def __init__(self, entry: Entry, config: RunConfig, make_layer: MakeLayer | None = None) -> None:
        super().__init__(entry, config, make_layer)
        self.source = RegressionSource(config)
        self.validation_batches = draw_validation(self.source.draw, config)

    @staticmethod
    def build(config: RunConfig, make_layer: MakeLayer) -> nn.Module:
        """One layer, and a tower for each task."""
        return TowerModel(n_tasks(config), config.layer.d_model, make_layer(config.layer))

    def training_batch(self, generator: torch.Generator) -> Examples:
        """Fresh examples."""
        return self.source.draw(self.config.optimiser.batch_size, self.config.task.sequence_length, generator)

    def forward(self, batch: Examples, **context: Tensor) -> Forward:
        """Predictions [K, B, S]."""
        return Forward(*self.model(batch.x_BSD))

    def score(self, batch: Examples, output: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Mean squared error over all tasks, and of each (`squared_error_1`, ...)."""
        error_K = (output - batch.y_KBS).square().mean((1, 2))
        each = {f"squared_error_{k}": float(value) for k, value in enumerate(error_K.detach(), start=1)}
        return error_K.mean(), {"squared_error": float(error_K.detach().mean()), **each}

    def labels(self, batch: Examples) -> tuple[Tensor, int]:
        """The task of each example, as they pass through the layer."""
        K, B, S = batch.y_KBS.shape
        return torch.arange(K).repeat_interleave(B * S), K

    def references(self) -> dict[str, float]:
        """What the mean of the labels, a constant, reaches."""
        return {"a constant": float(self._labels().var(1).mean())}

    def notes(self) -> Iterator[tuple[Literal["info", "warning"], str]]:
        """How related the tasks turned out."""
        y_KN = self._labels()
        text = f"{len(y_KN)} regressions"
        if len(y_KN) > 1:
            correlation = torch.corrcoef(y_KN)
            text += f"; labels of tasks 1 and 2 correlate at {float(correlation[0, 1]):.2f}"
        yield "info", text

    def _labels(self) -> Tensor:
        """Labels of the validation batches: [tasks, examples]."""
        return torch.cat([batch.y_KBS.flatten(1) for batch in self.validation_batches], dim=1)

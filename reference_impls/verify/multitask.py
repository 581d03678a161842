"""What designs for several tasks are asked: whether a short training on unrelated regressions beats sharing all."""

from collections.abc import Iterator

import torch

from reference_impls.config import check_config
from reference_impls.core.build import dense_layer
from reference_impls.core.routing import Progress
from reference_impls.entry import Entry
from reference_impls.tasks.base import MakeLayer
from reference_impls.tasks.multitask import MultitaskTask
from reference_impls.tasks.train import make_optimiser, train_step, validate
from reference_impls.verify.check import Check, at_most


def unrelated_tasks(entry: Entry) -> Iterator[Check]:
    """Squared error on two unrelated regressions, over that of a dense layer of the same active width for both."""
    fields = {"steps": 200, "d_model": 16, "task_correlation": 0.0, "n_sines": 2, "threads": 1}
    config = check_config(entry.config_class, fields)
    settings = config.layer
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        layer = entry.design.make_layer(settings)
    active = settings.active_experts / settings.n_experts * layer.routed_parameters()
    wide = config.with_values(d_expert=round(active / (settings.expert_matrices * settings.d_model)))
    errors = []
    makers: tuple[MakeLayer | None, ...] = (None, dense_layer)
    for make_layer, of in zip(makers, (config, wide), strict=True):
        torch.manual_seed(0)
        task = MultitaskTask(entry, of, make_layer)
        optimiser, generator = make_optimiser(task.model, of), torch.Generator().manual_seed(0)
        for step in range(of.optimiser.steps):
            train_step(task, optimiser, generator, Progress(step, of.optimiser.steps))
        errors.append(validate(task).values(task)["squared_error"])
    yield at_most("squared error on two unrelated tasks, over a shared dense layer's", errors[0] / errors[1], 0.9)

"""What every design is asked, whatever it is."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from reference_impls.config import RunConfig, check_config
from reference_impls.core.dispatch import dispatch_loop, dispatch_sorted
from reference_impls.core.experts import ExpertBank
from reference_impls.core.layer import LayerInfo, MoELayer
from reference_impls.core.routing import Progress, SparseRouting
from reference_impls.entry import Entry
from reference_impls.tasks.clusters import ClustersTask, dense_baseline
from reference_impls.tasks.train import make_optimiser, train_step, validate
from reference_impls.verify.check import Check, at_least, at_most, close, worst_of
from reference_impls.verify.libraries import decisive

D = 16
LABELS = 3  # domains and tasks that the context names


def common_checks(entry: Entry) -> Iterator[Check]:
    """Padding, edge cases, extreme logits, causality, gradients, the fast path, bfloat16."""
    yield from padding(entry)
    yield from edge_cases(entry)
    yield from causality(entry)
    yield from gradients(entry)
    yield from fast_path(entry)
    yield from low_precision(entry)


def small_layer(entry: Entry, n_experts: int = 4, *, seed: int = 0, **fields: Any) -> MoELayer:
    """A layer of the design in float64, outside training, whose logits are of order one."""
    torch.manual_seed(seed)
    config = entry.layer_class.with_experts(n_experts, **({"d_model": D, "d_expert": 12} | fields))
    return decisive(entry.design.make_layer(config).double().eval(), seed)


def call(
    entry: Entry, layer: MoELayer, x_BSD: Tensor, real_BS: Tensor | None = None, *, seed: int = 0
) -> tuple[Tensor, LayerInfo]:
    """The layer's outputs, with the context that the design needs; chance, where it plays, falls the same each time."""
    B, S, _ = x_BSD.shape
    generator = torch.Generator().manual_seed(7)
    known = {
        "token_id": torch.randint(256, (B, S), generator=generator),
        "domain": torch.arange(B) % LABELS,
        "task": torch.arange(B) % LABELS,
    }
    torch.manual_seed(seed)
    y_BSD, info = layer(x_BSD, real_BS, **{name: known[name] for name in entry.needs})
    return y_BSD, info


def total_loss(y_BSD: Tensor, info: LayerInfo) -> Tensor:
    """A scalar that everything trainable should have a gradient of."""
    direction = torch.randn(y_BSD.shape, generator=torch.Generator().manual_seed(3)).to(y_BSD.dtype)
    loss = (y_BSD * direction).sum()
    for part in info.losses.values():
        loss = loss + part.coefficient * part.value
    return loss


def padding(entry: Entry) -> Iterator[Check]:
    """What stands in padding reaches no output and no loss, wherever padding stands and if all is padding."""
    generator = torch.Generator().manual_seed(5)
    masks = [
        torch.arange(10) < torch.tensor([[10], [4], [0]]),
        torch.arange(10) >= torch.tensor([[0], [7], [9]]),
        torch.rand(3, 10, generator=generator) < 0.6,
        torch.zeros(3, 10, dtype=torch.bool),
    ]
    outputs = losses = left = 0.0
    for real_BS in masks:
        layer, x_BSD = small_layer(entry), torch.randn(3, 10, D, dtype=torch.float64)
        before, info = call(entry, layer, x_BSD, real_BS)
        garbage = torch.where(real_BS[..., None], x_BSD, 50 * torch.randn_like(x_BSD))
        after, info_after = call(entry, layer, garbage, real_BS)
        outputs = worst_of(outputs, (before - after).abs().max())
        left = worst_of(left, (before * ~real_BS[..., None]).abs().max())
        for name, part in info.losses.items():
            losses = worst_of(losses, (part.value - info_after.losses[name].value).abs())
    yield at_most("padding changes the outputs by", outputs, 0)
    yield at_most("the output of padding", left, 0)
    yield at_most("padding changes the losses by", losses, 0)


def edge_cases(entry: Entry) -> Iterator[Check]:
    """Outputs and gradients are finite and of the right shape where layers like to fail."""
    even = torch.randn(1, 1, D, dtype=torch.float64).expand(2, 9, D)
    cases = {
        "extreme logits": (4, 1e4 * torch.randn(2, 9, D, dtype=torch.float64)),
        "one token": (4, torch.randn(1, 1, D, dtype=torch.float64)),
        "one expert": (1, torch.randn(2, 9, D, dtype=torch.float64)),
        "all tokens alike": (4, even),
        "zeros": (4, torch.zeros(2, 9, D, dtype=torch.float64)),
        "no sequence": (4, torch.randn(0, 9, D, dtype=torch.float64)),
        "empty sequences": (4, torch.randn(2, 0, D, dtype=torch.float64)),
        "experts that do not divide the tokens": (5, torch.randn(1, 7, D, dtype=torch.float64)),
    }
    for name, (n_experts, x_BSD) in cases.items():
        broken = 0
        for training in (False, True):
            layer = small_layer(entry, n_experts).train(training)
            leaf = x_BSD.clone().requires_grad_()
            y_BSD, info = call(entry, layer, leaf)
            if y_BSD.shape != x_BSD.shape:
                broken += 1
            loss = total_loss(y_BSD, info)
            if loss.requires_grad:
                loss.backward()
            made = [y_BSD, loss, *(p.grad for p in (leaf, *layer.parameters()) if p.grad is not None)]
            broken += sum(not bool(value.isfinite().all()) for value in made)
            layer.on_step(info, Progress(1, 10))
        yield at_most(f"{name}: results that are not finite", broken, 0)


def causality(entry: Entry) -> Iterator[Check]:
    """Whether a change of later tokens changes earlier outputs, as the design claims or admits."""
    tight = {name: 0.5 for name in ("capacity_factor_eval",) if name in entry.layer_class.model_fields}
    roomy = dict.fromkeys(tight, 4.0)
    if entry.causal != "no":
        free = roomy if entry.causal == "where nothing is dropped" else tight
        room = " where nothing is dropped" if entry.causal == "where nothing is dropped" else ""
        yield at_most(f"later tokens change earlier outputs{room} by", _later_change(entry, **free), 1e-12)
    if entry.causal != "yes":
        yield at_least("later tokens change earlier outputs by (not causal)", _later_change(entry, **tight), 1e-9)


def _later_change(entry: Entry, **fields: Any) -> float:
    worst = 0.0
    for seed, cut in enumerate((9, 1, 15, 8, 4, 12)):
        layer = small_layer(entry, seed=seed, **fields)
        x_BSD = torch.randn(2, 16, D, dtype=torch.float64)
        other = x_BSD.clone()
        other[:, cut:] = torch.randn_like(other[:, cut:])
        with torch.no_grad():
            change = call(entry, layer, x_BSD)[0] - call(entry, layer, other)[0]
        worst = worst_of(worst, float(change[:, :cut].abs().max()))
    return worst


def gradients(entry: Entry) -> Iterator[Check]:
    """Everything trainable in the layer has a gradient of some batch."""
    layer = small_layer(entry).train()
    reached = {name: 0.0 for name, p in layer.named_parameters() if p.requires_grad}
    for seed in range(4):
        x_BSD = torch.randn(3, 12, D, dtype=torch.float64)
        layer.zero_grad()
        y_BSD, info = call(entry, layer, x_BSD, seed=seed)
        total_loss(y_BSD, info).backward()
        for name, weight in layer.named_parameters():
            if weight.grad is not None:
                reached[name] += float(weight.grad.abs().sum())
        layer.on_step(info, Progress(seed + 1, 4))
    yield at_most("trainable weights without any gradient", sum(value == 0 for value in reached.values()), 0)


def fast_path(entry: Entry) -> Iterator[Check]:
    """The fast dispatch gives what its definition gives."""
    layer = small_layer(entry)
    x_BSD = torch.randn(2, 11, D, dtype=torch.float64)
    routing = call(entry, layer, x_BSD)[1].routing
    if isinstance(routing, SparseRouting) and isinstance(layer.experts, ExpertBank):
        x_TD = torch.randn(routing.n_tokens, layer.experts.d_model, dtype=torch.float64)
        yield close(
            "the fast dispatch against the loop",
            dispatch_sorted(x_TD, routing, layer.experts), dispatch_loop(x_TD, routing, layer.experts),
            rtol=1e-11, atol=1e-12,
        )  # fmt: skip


def low_precision(entry: Entry) -> Iterator[Check]:
    """In bfloat16 the choice of experts is that of the same weights and tokens in wider arithmetic."""
    layer = small_layer(entry).to(torch.bfloat16)
    x_BSD = torch.randn(2, 9, D).to(torch.bfloat16)
    y_BSD, info = call(entry, layer, x_BSD)
    yield at_most("bfloat16 outputs of another type", float(y_BSD.dtype != torch.bfloat16), 0)
    wide = call(entry, layer.double(), x_BSD.double())[1].routing.share_TE()
    difference = (wide - info.routing.share_TE().double()).abs().max()
    yield at_most("routing in bfloat16 differs by", difference, 1e-4)


def clusters(entry: Entry, **fields: Any) -> Iterator[Check]:
    """On the clustered task the design beats a dense layer as wide as what one token passes through."""
    if entry.clusters == "cannot":
        return
    config = check_config(entry.config_class, {"task": "clusters", "threads": 1, **fields})
    design, dense = cluster_scores(entry, config), cluster_scores(entry, config, dense=True)
    yield at_least("accuracy on the clusters above a dense layer's", design["accuracy"] - dense["accuracy"], 0.02)
    if entry.clusters == "finds":
        yield at_least("mutual information of expert and cluster, of the most possible", design["information"], 0.5)


def cluster_scores(entry: Entry, config: RunConfig, *, dense: bool = False) -> dict[str, float]:
    """What the design, or a dense layer as wide as what one token passes through, reaches on the clustered task."""
    torch.manual_seed(config.seed)
    task = dense_baseline(entry, config) if dense else ClustersTask(entry, config)
    optimiser, generator = make_optimiser(task.model, config), torch.Generator().manual_seed(config.seed)
    for step in range(config.optimiser.steps):
        train_step(task, optimiser, generator, Progress(step, config.optimiser.steps))
    return validate(task).values(task)

"""Task routing against `VitPoseBackboneMoeMLP` of transformers, and the equations in float64."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch

from reference_impls.designs.task_id_routing.config import TaskIdConfig
from reference_impls.designs.task_id_routing.router import make_layer
from reference_impls.entry import Entry
from reference_impls.verify.check import Check, apart, at_most, close
from reference_impls.verify.libraries import in_both
from reference_impls.verify.naive import expert_output, tokens

D, F, E, S = 16, 32, 3, 10
TASK = torch.tensor([2, 0, 2, 1, 5])  # 5 shares the expert of 2


def checks(entry: Entry) -> Iterator[Check]:
    """The reference, the equations, and what a rule promises."""
    yield from chain(in_both(transformers_block, rtol=1e-11, atol=1e-12), equations(), the_label_alone_decides())


def _layer() -> Any:
    torch.manual_seed(0)
    return make_layer(TaskIdConfig(d_model=D, d_expert=F, n_experts=E)).double()


def transformers_block(dtype: torch.dtype, **tolerance: float) -> Iterator[Check]:
    """Outputs and gradients beside the block, whose experts own the last rows of the output only."""
    from transformers import VitPoseBackboneConfig
    from transformers.models.vitpose_backbone.modeling_vitpose_backbone import VitPoseBackboneMoeMLP

    own = 6
    config = VitPoseBackboneConfig(
        hidden_size=D, mlp_ratio=F // D, num_experts=E, part_features=own, hidden_act="relu", num_attention_heads=1
    )
    block: Any = VitPoseBackboneMoeMLP(config)
    ours = _layer().to(dtype)
    block.to(dtype)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in block.parameters():
            drawn = torch.randn(weight.shape, generator=generator) * weight.shape[-1] ** -0.5
            weight.copy_(drawn if weight.dim() == 2 else torch.zeros_like(drawn))
        ours.experts.w_in_EID.copy_(block.fc1.weight.expand(E, F, D))
        for expert in range(E):
            rows = torch.cat([block.fc2.weight, block.experts[expert].weight])
            ours.experts.w_out_EDF[expert].copy_(rows)
    x_BSD = torch.randn(len(TASK), S, D, generator=generator).to(dtype)
    direction = torch.randn(x_BSD.shape, generator=generator).to(dtype)
    x_ours, x_theirs = x_BSD.clone().requires_grad_(), x_BSD.clone().requires_grad_()
    y_ours, y_theirs = ours(x_ours, domain=TASK)[0], block(x_theirs, TASK % E)
    y_ours.backward(direction)
    y_theirs.backward(direction)
    made: dict[str, Any] = {
        "output": (y_ours, y_theirs),
        "gradient of tokens": (x_ours.grad, x_theirs.grad),
        "gradient of the shared first matrix": (ours.experts.w_in_EID.grad.sum(0), block.fc1.weight.grad),
        "gradient of the shared rows": (ours.experts.w_out_EDF.grad[:, :-own].sum(0), block.fc2.weight.grad),
        "gradient of the experts' own rows": (
            ours.experts.w_out_EDF.grad[:, -own:],
            torch.stack([expert.weight.grad for expert in block.experts]),
        ),
    }
    name = f"transformers' VitPoseBackboneMoeMLP, {str(dtype)[6:]}"
    yield from (close(f"{name}: {part}", ours, theirs, **tolerance) for part, (ours, theirs) in made.items())


def equations() -> Iterator[Check]:
    """Outputs by a plain loop over sequences and tokens."""
    ours = _layer()
    x_BSD = torch.randn(len(TASK), S, D, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    expected = torch.zeros_like(x_BSD)
    for b, task in enumerate(TASK.tolist()):
        expert = task - E if task >= E else task
        for s in range(S):
            expected[b, s] = expert_output(ours.experts, expert, x_BSD[b, s])
    yield apart("equations, by a float64 loop: outputs", ours(x_BSD, domain=TASK)[0], expected)


def the_label_alone_decides() -> Iterator[Check]:
    """The same tokens under the same label give the same outputs anywhere in the batch; the load is the labels'."""
    ours = _layer()
    x_SD = tokens(S, D, seed=6)
    y_BSD, info = ours(x_SD.expand(len(TASK), S, D), domain=TASK)
    yield apart("outputs of equal sequences of one task differ by", y_BSD[0], y_BSD[2], 1e-14)
    expected = torch.tensor([1, 1, 3]) * S
    yield at_most("the load differs from the labels' by", (info.routing.load_E - expected).abs().max(), 0, "tokens")
    yield at_most("trainable weights of the router", sum(1 for _ in ours.router.parameters()), 0)

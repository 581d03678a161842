"""Which bytes can change which logits, for whole models."""

import pytest
import torch
from torch import Tensor

from reference_impls.catalogue import find
from reference_impls.config import check_config
from reference_impls.tasks.model import ByteTransformer
from reference_impls.tasks.train import make_task

B, S, CUT = 3, 40, 23


@pytest.fixture
def model(tiny_of):
    """Makes a model in float64 whose routers have opinions, so that experts overflow."""

    def make(key: str, **changes: object) -> ByteTransformer:
        entry = find(key)
        config = check_config(entry.config_class, tiny_of(key, n_layers=3, **changes))
        model = make_task(entry, config).model.double().eval()
        for name, weight in model.named_parameters():
            if "router" in name:
                torch.nn.init.normal_(weight)
        return model

    return make


SWITCH = {"capacity_factor_eval": 1.0, "moe_every": 1}
CAUSAL = [
    ("mixtral-top2-router", {}),
    ("deepseek-v3-router", {}),
    ("switch-top1-router", SWITCH | {"routing_group": "sequence"}),
    # Only where every expert can take every token: see the leak below.
    ("gshard-top2", {"capacity_factor_eval": 4.0, "moe_every": 1}),
]


def text() -> Tensor:
    return torch.randint(256, (B, S))


@torch.no_grad()
def logits(model: ByteTransformer, token_BS: Tensor, real_BS: Tensor | None = None) -> Tensor:
    return model(token_BS, real_BS)[0]


def with_other_future(token_BS: Tensor) -> Tensor:
    changed = token_BS.clone()
    changed[:, CUT:] = torch.randint(256, changed[:, CUT:].shape)
    return changed


def same(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("key", "changes"), CAUSAL)
def test_changing_the_future_never_changes_the_past(model, key, changes):
    model = model(key, **changes)
    for _ in range(5):
        tokens = text()
        before, after = logits(model, tokens), logits(model, with_other_future(tokens))
        assert same(before[:, :CUT], after[:, :CUT])
        assert not same(before[:, CUT:], after[:, CUT:])


@pytest.mark.parametrize(("key", "changes"), CAUSAL)
def test_sequences_of_a_batch_do_not_influence_each_other(model, key, changes):
    model = model(key, **changes)
    tokens = text()
    together = logits(model, tokens)
    for row in range(B):
        assert same(together[row], logits(model, tokens[row : row + 1])[0])


def test_switch_may_score_a_prefix_differently_because_its_capacity_is_smaller(model):
    model = model("switch-top1-router", **SWITCH)
    tokens = text()
    assert not same(logits(model, tokens[:, :CUT]), logits(model, tokens)[:, :CUT])
    roomy = {"capacity_factor_eval": 4.0}  # every expert can take every token: nothing is left to differ
    model.blocks.apply(
        lambda part: hasattr(part, "logits") and setattr(part, "config", part.config.model_copy(update=roomy))
    )
    assert same(logits(model, tokens[:, :CUT]), logits(model, tokens)[:, :CUT])


def test_switch_drops_late_tokens_first(model):
    model = model("switch-top1-router", **SWITCH)
    served = torch.zeros(S)
    for _ in range(20):
        with torch.no_grad():
            for info in model(text())[1].values():
                served += torch.bincount(info.routing.token_A % S, minlength=S)
    assert served[: S // 4].mean() > served[-S // 4 :].mean()


def test_a_batch_group_lets_earlier_sequences_change_later_ones_and_never_the_reverse(model):
    model = model("switch-top1-router", **SWITCH, routing_group="batch")
    leaks = 0
    for _ in range(20):
        tokens = text()
        late = tokens.clone()
        late[1, CUT:] = torch.randint(256, (S - CUT,))
        before, after = logits(model, tokens), logits(model, late)
        assert same(before[0], after[0])  # the sequence before
        assert same(before[1, :CUT], after[1, :CUT])  # the same sequence's own past
        leaks += not same(before[2, :CUT], after[2, :CUT])  # early places of the sequence after
    assert leaks > 0


@pytest.mark.parametrize("key", ["mixtral-top2-router", "switch-top1-router"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_does_not_reach_the_logits(model, key, side):
    model = model(key)
    tokens = text()
    real_BS = torch.ones(B, S, dtype=torch.bool)
    kept = slice(0, CUT) if side == "right" else slice(S - CUT, S)
    real_BS[0] = False
    real_BS[0, kept] = True
    garbage = torch.where(real_BS, tokens, torch.randint(256, (B, S)))
    padded = logits(model, garbage, real_BS)
    assert same(padded[0, kept], logits(model, tokens[:1, kept])[0])
    assert same(padded[1:], logits(model, tokens[1:]))
    assert padded.isfinite().all()

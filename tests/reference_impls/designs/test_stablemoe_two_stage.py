import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.core.routing import Progress
from reference_impls.designs.stablemoe_two_stage.config import StableMoEConfig
from reference_impls.designs.stablemoe_two_stage.router import balance_loss, make_layer


def layer_of(**fields):
    layer = make_layer(StableMoEConfig(d_model=8, d_expert=8, **fields))
    for weight in (layer.router.weight_ED, layer.router.embedding_WH, layer.router.distilled_EH):
        torch.nn.init.normal_(weight)
    return layer


@settings(max_examples=40, deadline=None)
@given(steps=st.integers(1, 50), first_stage=st.floats(0, 1))
def test_the_first_stage_lasts_for_its_share_of_the_steps(steps, first_stage):
    layer = layer_of(first_stage=first_stage)
    info = layer(torch.randn(1, 2, 8), token_id=torch.zeros(1, 2, dtype=torch.int64))[1]
    for step in range(steps):
        expected = step / steps >= first_stage
        assert bool(layer.router.second_stage) == expected
        layer.on_step(info, Progress(step + 1, steps))
    assert bool(layer.router.second_stage)


def test_outside_training_the_distilled_gate_chooses_in_both_stages():
    torch.manual_seed(0)
    layer, x_BSD, word_BS = layer_of(capacity_factor_eval=100.0), torch.randn(2, 9, 8), torch.randint(256, (2, 9))
    learned = layer(x_BSD, token_id=word_BS)[1].routing
    layer.eval()
    first = layer(x_BSD, token_id=word_BS)[1].routing
    layer.router.second_stage.fill_(True)
    second = layer(x_BSD, token_id=word_BS)[1].routing
    assert torch.equal(first.expert_A, second.expert_A)
    assert not torch.equal(first.load_E, learned.load_E)


def test_losses_end_with_the_first_stage_but_are_told():
    layer, x_BSD, word_BS = layer_of(), torch.randn(2, 9, 8), torch.randint(256, (2, 9))
    for second, coefficient in ((False, 0.3), (True, 0.0)):
        layer.router.second_stage.fill_(second)
        losses = layer(x_BSD, token_id=word_BS)[1].losses
        assert {name: part.coefficient for name, part in losses.items()} == {
            "load_balance": coefficient, "distillation": coefficient,
        }  # fmt: skip
        assert all(part.value.requires_grad != second for part in losses.values())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), T=st.integers(1, 20), E=st.integers(1, 5))
def test_balance_loss_is_zero_when_even_and_pushes_down_what_is_too_full(seed, T, E):
    torch.manual_seed(seed)
    even_TE = torch.randn(T * E, E, dtype=torch.float64)
    assert balance_loss(even_TE, torch.arange(E).repeat(T)) == pytest.approx(0, abs=1e-12)
    logit_TE = torch.randn(T, E, dtype=torch.float64, requires_grad=True)
    expert_T = logit_TE.argmax(-1)
    balance_loss(logit_TE, expert_T).backward()
    load_E = torch.bincount(expert_T, minlength=E)
    slope_T = logit_TE.grad.gather(1, expert_T[:, None])[:, 0]
    assert (slope_T.sign() == (load_E[expert_T] * E - T).sign()).all()

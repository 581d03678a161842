"""What every design promises for any input, beyond what `verify` proves of it."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.catalogue import entries
from reference_impls.config.layer import CapacityConfig
from reference_impls.core.routing import Progress, SparseRouting
from reference_impls.verify.properties import LABELS, D, call, small_layer

every = pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.key)
few = settings(max_examples=6, deadline=None)
seeds = st.integers(0, 2**31)
sizes = {"B": st.integers(1, 4), "S": st.integers(1, 13), "E": st.integers(1, 7), "seed": seeds}
LIMITED = [entry for entry in entries() if issubclass(entry.layer_class, CapacityConfig)]
COEFFICIENTS = [
    (entry, field) for entry in entries() for field in entry.layer_class.model_fields if field.endswith("_coefficient")
]

#: Designs that sample in training, with what switches it on where it is off by default; THOR also samples outside.
RANDOM = {
    "batch-prioritised-routing": {}, "conditional-router": {}, "dense-to-sparse-gate": {}, "gshard-top2": {},
    "hierarchical-noisy-top-k": {}, "learned-task-level-routing": {}, "meo-sequence-merging": {},
    "mod-squad-router": {}, "moduleformer-router": {"gate_dropout": 0.5}, "noisy-top-k": {},
    "reinforcement-learned-router": {}, "smear": {}, "sparsemixer-v2-router": {}, "st-moe-router": {},
    "switch-top1-router": {"jitter": 0.3}, "thor-random": {},
}  # fmt: skip
#: Designs in which a sequence depends on the others of its batch by default.
ACROSS_SEQUENCES = {"mixture-of-tokens", "thor-random"}
#: Designs in which every token gives all of its weight to experts, whatever the router says.
NORMALISED = (
    "hierarchical-noisy-top-k", "noisy-top-k", "dselect-k", "sentence-level-routing", "conditional-router",
    "learned-task-level-routing", "mixtral-top2-router", "mutual-distillation-loss", "self-contrast-inference",
    "yuan-attention-router", "mixer-kmeans-router", "orthogonality-loss", "topk-softmax-router", "dynmoe-top-any",
    "input-dependent-k", "task-id-routing", "demix-domain-routing", "hash-routing", "thor-random",
    "frozen-random-router", "random-routed-experts", "dense-softmax-mixture", "hierarchical-mixture",
    "calibrated-fusion", "homoe-hopfield-soft", "soft-moe-slots", "meo-sequence-merging", "smear",
    "lory-segment-merging", "multi-gate-mixture", "progressive-layered-extraction",
)  # fmt: skip
#: Losses that only some layers, or the training loop, make, and coefficients that adapt by themselves.
CONDITIONAL_LOSSES = {
    ("dselect-k", "reach_coefficient"),
    ("reinforcement-learned-router", "policy_coefficient"),
    ("skywork-router", "largest_coefficient"),
    ("thor-random", "consistency_coefficient"),
}
#: Designs whose router, or a part of it, learns from a loss of its own and not from the outputs.
OTHERWISE_TAUGHT = {"hierarchical-noisy-top-k", "reinforcement-learned-router", "stablemoe-two-stage"}


def context(entry, B, S):
    labels = torch.arange(B) % LABELS
    return {"token_id": torch.randint(256, (B, S)), "domain": labels, "task": labels}


def run(entry, layer, x_BSD, known, real_BS=None, seed=0):
    torch.manual_seed(seed)
    return layer(x_BSD, real_BS, **{name: known[name] for name in entry.needs})


def sampled(B, S, E, seed, entry, **fields):
    layer = small_layer(entry, E, **fields)
    torch.manual_seed(seed)
    return layer, torch.randn(B, S, D, dtype=torch.float64), context(entry, B, S)


@every
@few
@given(**sizes)
def test_the_report_is_consistent(entry, B, S, E, seed):
    layer, x_BSD, known = sampled(B, S, E, seed, entry)
    routing = run(entry, layer, x_BSD, known)[1].routing
    assert routing.n_experts == E
    assert routing.n_tokens % (B * S) == 0
    assert 0 <= routing.n_dropped <= float(routing.load_E.sum())
    assert float(routing.entropy) >= -1e-9
    assert routing.share_TE().shape == (routing.n_tokens, E)
    assert (routing.load_E >= 0).all()
    if isinstance(routing, SparseRouting):  # an expert serves a token once
        assert len(torch.stack([routing.token_A, routing.expert_A]).unique(dim=1)[0]) == len(routing.token_A)


@pytest.mark.parametrize("key", NORMALISED)
@pytest.mark.parametrize("training", [True, False])
@few
@given(B=st.integers(1, 4), S=st.integers(1, 13), E=st.sampled_from([2, 4, 8]), seed=seeds)
def test_weights_of_a_token_add_up_to_one(key, training, B, S, E, seed):
    (entry,) = (entry for entry in entries() if entry.key == key)
    layer, x_BSD, known = sampled(B, S, E, seed, entry)
    share_TE = run(entry, layer.train(training), x_BSD, known, seed=seed)[1].routing.share_TE()
    if not (key == "dynmoe-top-any" and training):  # there a token that passes no threshold has no expert
        torch.testing.assert_close(share_TE.sum(1), torch.ones(len(share_TE), dtype=share_TE.dtype))


@pytest.mark.parametrize("entry", LIMITED, ids=lambda entry: entry.key)
@pytest.mark.parametrize("group", ["sequence", "batch"])
@settings(max_examples=30, deadline=None)
@given(factor=st.floats(0.1, 6), training=st.booleans(), **sizes)
def test_no_expert_exceeds_its_capacity(entry, group, factor, training, B, S, E, seed):
    factors = {"capacity_factor_train": factor, "capacity_factor_eval": factor, "routing_group": group}
    layer, x_BSD, known = sampled(B, S, E, seed, entry, **factors)
    routing = run(entry, layer.train(training), x_BSD, known, seed=seed)[1].routing
    n_groups, size = (B, S) if group == "sequence" else (1, B * S)
    counts = {"batch-prioritised-routing": "experts_per_token", "expert-prototyping": "n_prototypes"}
    times = getattr(layer.router.config, counts.get(entry.key, ""), 1)
    capacity = math.ceil(factor * times * size / E - 1e-9)
    served_GE = torch.bincount(routing.token_A // size * E + routing.expert_A, minlength=n_groups * E).view(-1, E)
    assert int(served_GE.max()) <= capacity
    assert routing.n_dropped == int(routing.load_E.sum()) - len(routing.token_A)
    full_E = (served_GE == capacity).any(0)
    assert ((routing.load_E > served_GE.sum(0)) <= full_E).all()  # whoever dropped tokens was full somewhere
    assert ((routing.weight_A >= 0) & (routing.weight_A <= 1 + 1e-6)).all()


@every
def test_chance_plays_where_it_is_said_to(entry):
    layer, x_BSD, known = sampled(3, 30, 4, 0, entry, **RANDOM.get(entry.key, {}))
    for training, is_random in ((True, entry.key in RANDOM), (False, entry.key == "thor-random")):
        layer.train(training)
        first, second = (run(entry, layer, x_BSD, known, seed=seed)[0] for seed in (0, 1))
        assert torch.equal(first, second) != is_random


@every
@few
@given(B=st.integers(2, 4), S=st.integers(1, 9), seed=seeds)
def test_a_padded_sequence_is_what_it_is_alone(entry, B, S, seed):
    layer, x_BSD, known = sampled(B, S, 4, seed, entry)
    length_B = torch.randint(1, S + 1, (B,))
    together = run(entry, layer, x_BSD, known, torch.arange(S) < length_B[:, None])[0]
    same = []
    for b, length in enumerate(length_B.tolist()):
        own = {
            name: value[b : b + 1, :length] if name == "token_id" else value[b : b + 1] for name, value in known.items()
        }
        alone = run(entry, layer, x_BSD[b : b + 1, :length], own)[0][0]
        same.append(torch.allclose(together[b, :length], alone, rtol=1e-9, atol=1e-11))
    assert all(same) or entry.key in ACROSS_SEQUENCES


@every
def test_a_checkpoint_holds_what_training_changes(entry):
    layer, x_BSD, known = sampled(3, 9, 4, 0, entry)
    for step in (1, 2):
        layer.train().on_step(run(entry, layer, x_BSD, known)[1], Progress(step, 3))
    fresh = small_layer(entry, seed=1)
    fresh.load_state_dict(layer.state_dict())
    for training in (True, False):
        (y_BSD, info), (fresh_BSD, fresh_info) = (
            run(entry, each.train(training), x_BSD, known) for each in (layer, fresh)
        )
        torch.testing.assert_close(fresh_BSD, y_BSD)
        assert fresh_info.stats == pytest.approx(info.stats, nan_ok=True)
        for name, loss in info.losses.items():
            assert fresh_info.losses[name].coefficient == pytest.approx(loss.coefficient)
            torch.testing.assert_close(fresh_info.losses[name].value, loss.value)


@pytest.mark.parametrize(("entry", "field"), COEFFICIENTS, ids=lambda value: getattr(value, "key", value))
def test_a_loss_has_the_coefficient_of_its_setting(entry, field):
    layer = small_layer(entry, **{field: 0.3}).train()
    losses = call(entry, layer, torch.randn(3, 9, D, dtype=torch.float64))[1].losses.values()
    with_it = [loss for loss in losses if loss.coefficient == 0.3]
    assert with_it or (entry.key, field) in CONDITIONAL_LOSSES
    assert all(loss.value.isfinite() for loss in with_it)


@every
def test_the_outputs_alone_teach_the_router(entry):
    layer = small_layer(entry).train()
    call(entry, layer, torch.randn(3, 9, D, dtype=torch.float64))[0].square().sum().backward()
    untaught = [
        name for name, weight in layer.router.named_parameters() if weight.grad is None or not weight.grad.any()
    ]
    assert bool(untaught) == (entry.key in OTHERWISE_TAUGHT)

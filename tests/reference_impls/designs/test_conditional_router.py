"""Routing by attributes: the tables, the noise, what the router is told."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.catalogue import find
from reference_impls.core.layer import MoELayer
from reference_impls.designs.conditional_router.config import BYTE_ATTRIBUTES, UniPerceiverConfig
from reference_impls.designs.conditional_router.router import binary_digits, byte_attributes, make_layer


def layer(**fields: object) -> MoELayer:
    return make_layer(UniPerceiverConfig(d_model=8, d_expert=12, **fields)).double()


@pytest.mark.parametrize(
    ("sign", "names"),
    [
        ("a", {"letter"}), ("Q", {"letter", "capital"}), ("7", {"digit"}), (" ", {"blank"}),
        ("\n", {"blank", "line break"}), ("]", {"bracket"}), ("_", {"other sign"}), ("\0", {"outside ASCII text"}),
        ("\x7f", {"outside ASCII text"}), ("é", {"outside ASCII text"}),
    ],
)  # fmt: skip
def test_the_attributes_of_a_sign(sign, names):
    row = byte_attributes()[ord(sign)]
    assert {name for name, value in zip(BYTE_ATTRIBUTES, row.tolist(), strict=True) if value} == names


def test_every_byte_has_an_attribute_and_every_attribute_a_byte():
    table = byte_attributes()
    assert table.shape == (256, len(BYTE_ATTRIBUTES))
    assert (table.sum(1) > 0).all()
    assert (table.sum(0) > 0).all()


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 8), seed=st.integers(0, 999))
def test_the_digits_of_a_number_spell_it(n, seed):
    table = binary_digits(n)
    number = seed % 2**n
    assert sum(int(digit) << place for place, digit in enumerate(table[number].tolist())) == number


def test_the_clustered_task_has_digits_enough_for_its_words():
    for n_clusters in (2, 8, 9, 256):
        config = find("conditional-router").config_class(task="clusters", n_clusters=n_clusters)
        assert len(binary_digits(config.layer.n_attributes)) >= 4 * n_clusters


@pytest.mark.parametrize("noise", ["gumbel", "normal"])
def test_noise_plays_in_training_only(noise):
    made = layer(noise=noise, noise_scale=5.0)
    x_BSD, token_id = torch.randn(1, 40, 8, dtype=torch.float64), torch.full((1, 40), 65)
    assert made.train()(x_BSD, token_id=token_id)[1].stats["routes"] > 1
    assert made.eval()(x_BSD, token_id=token_id)[1].stats["routes"] == 1


def test_the_balancing_loss_is_there_if_asked_for():
    x_BSD, token_id = torch.randn(1, 9, 8, dtype=torch.float64), torch.randint(256, (1, 9))
    assert not layer()(x_BSD, token_id=token_id)[1].losses
    losses = layer(balance_coefficient=0.3)(x_BSD, token_id=token_id)[1].losses
    assert losses["load_balance"].coefficient == 0.3

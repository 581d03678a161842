"""Routing by attributes: the tables, the noise, what the router is told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impls.catalogue import find
from reference_impls.designs.conditional_router.config import BYTE_ATTRIBUTES
from reference_impls.designs.conditional_router.router import binary_digits, byte_attributes


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

"""Given names beside initials."""

import pytest

from moe_kb.names import given_names_agree


@pytest.mark.parametrize(("asked", "printed", "agree"), [
    ("noam", "n", True), ("n", "noam", True), ("noam m", "n", True), ("noam", "noam m", True), ("nm", "n m", True),
    ("jian guang", "jianguang", True), ("j g", "jian guang", True), ("yu", "y c", True), ("nora", "noam", False),
    ("m", "noam", False), ("yu", "yi", False), ("", "n", False), ("n", "", False),
])  # fmt: skip
def test_a_name_agrees_with_its_initials(asked, printed, agree):
    assert given_names_agree(asked.split(), printed.split()) is agree
    assert given_names_agree(printed.split(), asked.split()) is agree


def test_strictly_only_initials_may_be_left_over():
    assert given_names_agree(["noam", "switch"], ["n"])
    assert not given_names_agree(["noam", "switch"], ["n"], strict=True)

"""The setting of a deployment."""

from __future__ import annotations

import pytest

from moe_kb import settings


@pytest.mark.parametrize(
    ("said", "base"),
    [
        ("https://github.com/owner/name", "https://github.com/owner/name"),
        ("https://github.com/owner/name.git/", "https://github.com/owner/name"),
        ("https://git.example.org/group/sub/name", "https://git.example.org/group/sub/name"),
        ("", None),
        ("http://github.com/owner/name", None),
        ("javascript:alert(1)", None),
        ("https://github.com/owner", None),
        ("https://github.com/owner/na me", None),
    ],
)
def test_only_a_plain_https_address_counts(monkeypatch, said, base):
    monkeypatch.setenv("MOE_KB_REPOSITORY", said)
    assert settings.repository() == base


def test_addresses_of_files(monkeypatch):
    monkeypatch.delenv("MOE_KB_REPOSITORY", raising=False)
    assert settings.edit_address("data/x.yaml") is None
    monkeypatch.setenv("MOE_KB_REPOSITORY", "https://github.com/owner/name")
    assert settings.edit_address("data/x.yaml") == "https://github.com/owner/name/edit/main/data/x.yaml"
    assert settings.view_address("CONTRIBUTING.md") == "https://github.com/owner/name/blob/main/CONTRIBUTING.md"

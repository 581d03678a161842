"""The settings of a deployment."""

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


@pytest.mark.parametrize(
    ("said", "base"),
    [
        ("https://moe.example.org", "https://moe.example.org"),
        ("http://127.0.0.1:8501/", "http://127.0.0.1:8501"),
        (" https://example.org:8443/team/moe/ ", "https://example.org:8443/team/moe"),
        ("", None),
        ("moe.example.org", None),
        ("javascript:alert(1)", None),
        ("https://example.org/?q=1", None),
        ("https://user@example.org", None),
    ],
)
def test_copied_links_begin_with_plain_addresses(monkeypatch, said, base):
    monkeypatch.setenv("MOE_KB_ADDRESS", said)
    assert settings.app_address() == base


def test_addresses_of_files(monkeypatch):
    monkeypatch.delenv("MOE_KB_REPOSITORY", raising=False)
    assert settings.edit_address("data/x.yaml") is None
    monkeypatch.setenv("MOE_KB_REPOSITORY", "https://github.com/owner/name")
    assert settings.edit_address("data/x.yaml") == "https://github.com/owner/name/edit/main/data/x.yaml"
    assert settings.view_address("CONTRIBUTING.md") == "https://github.com/owner/name/blob/main/CONTRIBUTING.md"

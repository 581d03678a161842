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


@pytest.mark.parametrize(
    ("remote", "base"),
    [
        ("https://github.com/owner/name.git", "https://github.com/owner/name"),
        ("https://user:secret@github.com/owner/name", "https://github.com/owner/name"),
        ("git@github.com:owner/name.git", "https://github.com/owner/name"),
        ("ssh://git@Git.example.org:2222/group/sub/name/", "https://git.example.org/group/sub/name"),
        ("git://git.example.org/owner/name", "https://git.example.org/owner/name"),
        ("/srv/name.git", None), ("../other/name", None), ("C:/srv/name", None), ("file:///srv/a/name", None),
        ("https://github.com/owner", None), ("ext::sh -c evil% a.b/c/d", None), ("", None),
    ],
)  # fmt: skip
def test_remotes_have_web_addresses_without_secrets(remote, base):
    assert settings.web_address(remote) == base


def test_a_clone_leads_to_where_it_is_from(monkeypatch, tree):
    git = tree / "its.git"
    (git / "worktrees/side").mkdir(parents=True)
    (git / "config").write_text(
        '[core]\n\tbare = false\n[remote "fork"]\n\turl = https://github.com/other/name\n'
        '[remote "origin"]\n\tfetch = +refs/*\n\turl = git@github.com:owner/name.git\n'
    )
    (tree / ".git").write_text(f"gitdir: {git / 'worktrees/side'}\n")
    monkeypatch.setenv("MOE_KB_ROOT", str(tree))
    monkeypatch.delenv("MOE_KB_REPOSITORY", raising=False)
    assert settings.edit_address("data/x.yaml") == "https://github.com/owner/name/edit/main/data/x.yaml"
    monkeypatch.setenv("MOE_KB_REPOSITORY", "")
    assert settings.repository() is None, "set to nothing: no links"


def test_addresses_of_files(monkeypatch, tree):
    monkeypatch.setenv("MOE_KB_ROOT", str(tree))
    monkeypatch.delenv("MOE_KB_REPOSITORY", raising=False)
    assert settings.edit_address("data/x.yaml") is None
    monkeypatch.setenv("MOE_KB_REPOSITORY", "https://github.com/owner/name")
    assert settings.edit_address("data/x.yaml") == "https://github.com/owner/name/edit/main/data/x.yaml"
    assert settings.view_address("CONTRIBUTING.md") == "https://github.com/owner/name/blob/main/CONTRIBUTING.md"

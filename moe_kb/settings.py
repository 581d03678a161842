"""The settings of a deployment: where the records' repository is, and where other people reach the app.

Set the environment variable `MOE_KB_REPOSITORY` to the repository's web address, e.g. `https://github.com/owner/name`.
The app then links each record to the page on which its file can be edited. Without it the repository is the one that
the records were cloned from; where that has no web address, those links are not shown.

Set `MOE_KB_ADDRESS` to the app's address as others open it, e.g. `https://moe.example.org`. "Copy link" then copies
links that begin with it; without it they begin as the address in the browser does.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

from moe_kb.errors import MoeKbError
from moe_kb.paths import find_root

BRANCH = "main"
_ADDRESS = re.compile(r"^https://[a-z0-9.-]+(?:/[A-Za-z0-9._-]+){2,}$")
_REMOTE = re.compile(
    r"^(?:https?://|ssh://|git://)?(?:[^@/\s]+@)?([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)(?::\d+)?[:/](.+?)(?:\.git)?/?$"
)
_ORIGIN = re.compile(r'^\[remote "origin"\]\s*(?:(?!\[)[^\n]*\n)*?\s*url\s*=\s*(\S+)', re.MULTILINE)
_APP = re.compile(r"^https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*$")


def app_address() -> str | None:
    """The app's address as others open it, without a slash at its end; None where none, or no plain one, is set."""
    address = os.environ.get("MOE_KB_ADDRESS", "").strip().rstrip("/")
    return address if _APP.match(address) else None


def repository() -> str | None:
    """The repository's web address: the one that is set, else where the records were cloned from; None without one."""
    said = os.environ.get("MOE_KB_REPOSITORY")
    if said is None:
        with suppress(MoeKbError):
            return web_address(_origin(find_root()))
        return None
    address = said.strip().rstrip("/").removesuffix(".git")
    return address if _ADDRESS.match(address) else None


def web_address(remote: str) -> str | None:
    """The web address of a git remote; None of one that has none, such as a folder. Names and passwords are left out.

    >>> web_address("git@github.com:owner/name.git"), web_address("/srv/name.git")
    ('https://github.com/owner/name', None)
    """
    match = _REMOTE.match(remote)
    address = f"https://{match[1].lower()}/{match[2]}" if match else ""
    return address if _ADDRESS.match(address) else None


@cache
def _origin(root: Path) -> str:
    """The remote `origin` of the clone that a folder is; empty where it is none."""
    git = root / ".git"
    try:
        if git.is_file():  # a further work tree of a clone, which the file names
            git = (root / git.read_text(encoding="utf-8").partition("gitdir: ")[2].strip()).parent.parent
        said = _ORIGIN.search((git / "config").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
    return said[1] if said else ""


def edit_address(path: str) -> str | None:
    """The page on which a file, relative to the repository's root, can be edited; None without a repository."""
    base = repository()
    return f"{base}/edit/{BRANCH}/{path}" if base else None


def view_address(path: str) -> str | None:
    """The page that shows a file; None without a repository."""
    base = repository()
    return f"{base}/blob/{BRANCH}/{path}" if base else None

"""The settings of a deployment: where the records' repository is, and where other people reach the app.

Set the environment variable `MOE_KB_REPOSITORY` to the repository's web address, e.g. `https://github.com/owner/name`.
The app then links each record to the page on which its file can be edited; without it those links are not shown.

Set `MOE_KB_ADDRESS` to the app's address as others open it, e.g. `https://moe.example.org`. "Copy link" then copies
links that begin with it; without it they begin as the address in the browser does.
"""

from __future__ import annotations

import os
import re

BRANCH = "main"
_ADDRESS = re.compile(r"^https://[a-z0-9.-]+(?:/[A-Za-z0-9._-]+){2,}$")
_APP = re.compile(r"^https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*$")


def app_address() -> str | None:
    """The app's address as others open it, without a slash at its end; None where none, or no plain one, is set."""
    address = os.environ.get("MOE_KB_ADDRESS", "").strip().rstrip("/")
    return address if _APP.match(address) else None


def repository() -> str | None:
    """The repository's web address, or None where none, or no plain https address, is set."""
    address = os.environ.get("MOE_KB_REPOSITORY", "").strip().rstrip("/").removesuffix(".git")
    return address if _ADDRESS.match(address) else None


def edit_address(path: str) -> str | None:
    """The page on which a file, relative to the repository's root, can be edited; None without a repository."""
    base = repository()
    return f"{base}/edit/{BRANCH}/{path}" if base else None


def view_address(path: str) -> str | None:
    """The page that shows a file; None without a repository."""
    base = repository()
    return f"{base}/blob/{BRANCH}/{path}" if base else None

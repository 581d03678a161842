"""Where things are: the tree of records, the database, the folders of a person's machine."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from moe_kb.errors import NotFoundError

_PACKAGE = Path(__file__).resolve().parent
BUNDLED = _PACKAGE / "_bundled"
#: The entry-point group in which packages offer runnable implementations.
GROUP = "moe_kb.implementations"
#: The group in which they offer results of comparisons.
RESULTS_GROUP = "moe_kb.results"


def find_root(root: str | Path | None = None) -> Path:
    """The tree of records: `root`, else `MOE_KB_ROOT`, else the checkout this package runs from, else the bundled data.

    Raises:
        NotFoundError: The chosen folder holds no `data/`.
    """
    chosen = root if root is not None else os.environ.get("MOE_KB_ROOT") or None
    if chosen is not None:
        path = Path(chosen).expanduser()
        if not (path / "data").is_dir():
            raise NotFoundError(f"{path} holds no data/ folder. Give --root a tree with data/ and taxonomy/.")
        return path.resolve()
    checkout = _PACKAGE.parent
    if is_checkout(checkout):
        return checkout
    if (BUNDLED / "data").is_dir():
        return BUNDLED
    raise NotFoundError("no records found beside or inside the package. Give --root a tree with data/ and taxonomy/.")


def is_checkout(folder: Path) -> bool:
    """Whether a folder is this project's checkout rather than a site-packages folder."""
    return (folder / "data").is_dir() and (folder / "taxonomy").is_dir() and (folder / "pyproject.toml").is_file()


def app_folder() -> Path:
    """The Streamlit app: the checkout's, else the bundled one."""
    checkout = _PACKAGE.parent
    return checkout / "app" if is_checkout(checkout) else BUNDLED / "app"


@cache
def cache_folder() -> Path:
    """The user's cache folder for databases."""
    from platformdirs import user_cache_path

    return user_cache_path("moe-kb")


def default_database(root: Path) -> Path:
    """Where the database of a tree lives: a checkout's own `build/`, else the cache folder, by the tree's path.

    A checkout that cannot be written in, and has no database yet, has it in the cache folder, too.
    """
    if is_checkout(root):
        own = root / "build" / "kb.db"
        if own.is_file() or os.access(own.parent if own.parent.is_dir() else root, os.W_OK):
            return own
    import hashlib

    name = hashlib.sha256(str(root).encode()).hexdigest()[:16]
    return cache_folder() / f"kb-{name}.db"

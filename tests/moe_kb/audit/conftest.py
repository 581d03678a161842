"""The audit of a fabricated tree, changed as a test needs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from trees import FILES, small_tree

from moe_kb.audit.issue import Issue
from moe_kb.kb import open_kb

#: Found on the tree as it is: another width in the second list, sizes that the layers are far from, a later design,
#: a router that nothing runs.
AS_IT_IS = {
    "sizes/described-shape/model:alpha#1B/params_total=alpha-config",
    "sizes/described-shape/model:alpha#1B/params_total=first-table#1",
    "sizes/described-shape/model:alpha#1B/params_total=second-table#1",
    "claims/differ/model:alpha#1B/d_model",
    "dates/leans-on-later-work/paper:beta/uses=design:alpha-router; first-survey",
    "coverage/design-without-implementation/design:beta-router/implementation",
}


@pytest.fixture
def audit(tmp_path: Path) -> Callable[..., list[Issue]]:
    """What is found besides `AS_IT_IS` once texts of files are replaced, and files written."""

    def run(*edits: tuple[str, str, str], **files: str) -> list[Issue]:
        texts = {path.replace("__", "/") + ".yaml": text for path, text in files.items()}
        for path, old, new in edits:
            text = texts.get(path, FILES.get(path, ""))
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
            texts[path] = text.replace(old, new)
        texts.setdefault("data/waivers.yaml", "waivers: []\n")
        kb = open_kb(small_tree(tmp_path / "tree", texts), database=tmp_path / "kb.db")
        return [issue for issue in kb.audit() if issue.id not in AS_IT_IS]

    return run


@pytest.fixture
def ids(audit: Callable[..., list[Issue]]) -> Callable[..., set[str]]:
    """The ids of what `audit` finds."""

    def run(*edits: tuple[str, str, str], **files: str) -> set[str]:
        return {issue.id for issue in audit(*edits, **files)}

    return run

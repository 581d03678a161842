"""The audit of a fabricated tree, changed as a test needs it."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from trees import edit, small_tree

from moe_kb.audit.issue import Issue
from moe_kb.corpus import WAIVERS
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

#: What nearly every fabricated model lacks; tests of these rules ask for them.
GAPS = ("coverage/unsized-configuration", "coverage/undescribed-model")


@pytest.fixture(scope="session")
def unwaived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the fabricated `tree/` without waivers, and its database."""
    folder = tmp_path_factory.mktemp("unwaived")
    open_kb(small_tree(folder / "tree", {WAIVERS: "waivers: []\n"}), database=folder / "kb.db")
    return folder


@pytest.fixture
def audit(tmp_path: Path, unwaived: Path) -> Callable[..., list[Issue]]:
    """What is found besides `AS_IT_IS` once files are written, and texts replaced: of `rules`, or of all but `GAPS`."""

    def run(*edits: tuple[str, str, str], rules: tuple[str, ...] = (), **files: str) -> list[Issue]:
        folder = Path(shutil.copytree(unwaived, tempfile.mkdtemp(dir=tmp_path), dirs_exist_ok=True))
        for name, text in files.items():
            (folder / "tree" / f"{name.replace('__', '/')}.yaml").write_text(text, encoding="utf-8")
        for path, old, new in edits:
            edit(folder / "tree", path, old, new)
        kb = open_kb(folder / "tree", database=folder / "kb.db")
        wanted = [issue for issue in kb.audit() if (issue.rule in rules if rules else issue.rule not in GAPS)]
        return [issue for issue in wanted if issue.id not in AS_IT_IS]

    return run


@pytest.fixture
def ids(audit: Callable[..., list[Issue]]) -> Callable[..., set[str]]:
    """The ids of what `audit` finds."""

    def run(*edits: tuple[str, str, str], **files: str) -> set[str]:
        return {issue.id for issue in audit(*edits, **files)}

    return run

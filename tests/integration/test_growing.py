"""A contribution turns nothing red: the tests that look at the real records hold once there are more of them."""

import os
import re
import subprocess
import sys

import pytest
from grown import ADDED, grown
from trees import REPOSITORY

from moe_kb.checks import check_corpus, not_canonical
from moe_kb.corpus import Corpus

pytestmark = [pytest.mark.integration, pytest.mark.slow]

#: Beside what `make data` runs: all that asks the real records something.
OTHERS = ("analysis", "charts", "pictures", "queries", "sizing", "records", "importing/test_released_configs.py")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return grown(tmp_path_factory.mktemp("grown"))


def test_the_added_records_are_clean(tree):
    corpus = Corpus.load(tree)
    assert [str(finding) for finding in check_corpus(corpus)] == []
    assert [path for path in ADDED if not_canonical(tree, path)] == []


def test_more_records_turn_nothing_red(tree):
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    names = re.findall(r"^DATA := (.*)$", makefile, re.MULTILINE)[0].split()
    tests = [*(f"tests/integration/{name}.py" for name in names), *(f"tests/moe_kb/{name}" for name in OTHERS)]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "integration", "-p", "no:cacheprovider", *tests],
        cwd=REPOSITORY,
        env={**os.environ, "MOE_KB_TEST_RECORDS": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]

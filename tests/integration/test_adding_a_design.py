"""docs/adding-a-design.md quotes the design that it walks through, and counts what a design touches."""

import re

import pytest
from trees import REPOSITORY

from reference_impls.catalogue import find

pytestmark = pytest.mark.integration

PAGE = (REPOSITORY / "docs" / "adding-a-design.md").read_text(encoding="utf-8")
KEY = "mixtral-top2-router"


def test_the_page_quotes_the_files_of_the_design():
    folder = find(KEY).folder
    files = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.*")}
    (front,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    config, router, checks = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert front in files["README.md"]
    assert config == files["config.py"]
    assert router.strip() in files["router.py"]
    loop = checks[checks.index("def equations") : checks.index("assert all")].strip()
    assert loop in files["checks.py"]


def test_one_line_names_a_design():
    naming = [
        path.relative_to(REPOSITORY).as_posix()
        for folder in ("reference_impls", "moe_kb", "app")
        for path in (REPOSITORY / folder).rglob("*.py")
        if "similarity_preserving_balance" in path.read_text(encoding="utf-8")
    ]
    assert all(name.startswith("reference_impls/designs/similarity_preserving_balance/") for name in naming)
    (record,) = (REPOSITORY / "data" / "designs").rglob("similarity-preserving-balance.yaml")
    assert record.read_text(encoding="utf-8").count("implementation: similarity-preserving-balance\n") == 1

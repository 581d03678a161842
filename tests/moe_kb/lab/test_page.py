from __future__ import annotations

from moe_kb.lab import metric_meanings, page_markdown
from moe_kb.lab.catalogue import installed_catalogue


def test_equations_get_lines_of_their_own_and_headings_go_down():
    page = page_markdown("# Title\nSo:\n$$a = b,\\\\ \nc$$ and $x$.\n\n## More")
    assert page.startswith("## Title\n")
    assert "\n$$\na = b,\\\\ \nc\n$$\n" in page
    assert "### More" in page
    assert "$x$" in page


def test_github_equations_become_dollars():
    page = page_markdown("So $`a\\,b`$:\n\n```math\nx = \\{y\\}\n```\n\n```python\n# no heading, `$x$`\n```\n")
    assert page == "So $a\\,b$:\n\n$$\nx = \\{y\\}\n$$\n\n```python\n# no heading, `$x$`\n```\n"


def test_metrics_are_explained_by_list_items():
    page = "## M\n\n- `agreement`: share of tokens\n  that agree.\n- `a`, `b`: two things.\n- `c` is third.\n\nText."
    assert metric_meanings(page) == {
        "agreement": "`agreement`: share of tokens that agree.",
        "a": "`a`, `b`: two things.",
        "b": "`a`, `b`: two things.",
        "c": "`c` is third.",
    }


def test_every_page_explains_its_metrics():
    for entry in installed_catalogue().entries:
        assert metric_meanings(entry.page), entry.key

"""What commands answer where there is little to say: exit status, data, what is not said."""

from __future__ import annotations

from trees import edit


def test_only_an_installed_implementation_is_said_to_run(moe, tree):
    assert "Runnable: python -m reference_impls run switch-top1-router" in moe("show", "alpha-router").out
    edit(
        tree, "data/designs/gating/alpha-router.yaml", "implementation: switch-top1-router", "implementation: not-here"
    )
    shown = moe("show", "alpha-router")
    assert shown.status == 0
    assert "Runnable" not in shown.out


def test_an_empty_answer_is_an_answer_except_of_a_search(ask):
    for question in (
        ("query", "SELECT key FROM papers WHERE year > 3000"),
        ("related", "table:second-table"),
        ("audit", "paper:beta"),
        ("search", ""),
    ):
        assert ask(*question).status == 0, question
    assert ask("search", "alpha", "router").out == ask("search", "alpha router").out != ""
    nothing = ask("search", "zebra")
    assert (nothing.status, nothing.out) == (1, "")
    assert ask("show", "zebra").status == ask("query", "SELECT nothing FROM nowhere").status == 2


def test_findings_as_json_under_either_name(moe, tree):
    assert moe("check", "--json").json == moe("check", "--format", "json").json == []
    edit(tree, "data/papers/2020/beta.yaml", "year: 2020", "year: soon")
    result = moe("check", "--json")
    assert result.status == 1
    assert "data/papers/2020/beta.yaml" in {finding["path"] for finding in result.json}

"""The pages: their parts, their order, equations that GitHub draws, and a usage that runs."""

import re

from words import PAGE_WORDS, wrong_words

from reference_impls.entry import Entry

HEADINGS = [
    "Overview", "Equations", "Usage", "Logged metrics", "Causality", "Deviations", "Verification", "Expected results",
]  # fmt: skip
# GitHub reads Markdown before equations: between plain dollars it may take an underscore for emphasis and a backslash
# before punctuation for an escape. What is more than this stands between dollars with backticks.
PLAIN = re.compile(r"(?:[A-Za-z0-9 ,.()=+/:\[\]-]|\\[a-zA-Z]+|(?<=[A-Za-z0-9])_[A-Za-z0-9]|\^[A-Za-z0-9])+")
REFUSED = re.compile(r"\\(?:operatorname|DeclareMathOperator|def|newcommand|renewcommand|require|href|label|tag)\b")


def test_a_page_has_its_parts_in_order(entry: Entry):
    assert entry.page.startswith("# ")
    assert re.findall(r"^## (.+)$", entry.page, flags=re.MULTILINE) == HEADINGS
    assert "```math\n" in entry.page
    assert "arxiv.org/abs/" in entry.page
    assert all(len(section.strip()) > 40 for section in re.split(r"^## .+$", entry.page, flags=re.MULTILINE)[1:])
    assert entry.deviations


def test_github_draws_the_equations(entry: Entry):
    page = re.sub(r"^```(?!math).*?^```$", "", entry.page, flags=re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"^```math\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)
    prose = re.sub(r"^```math\n.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE)
    guarded = re.findall(r"\$`([^`]*)`\$", prose)
    rest = re.sub(r"\$`[^`]*`\$", "", prose)
    assert rest.count("$") % 2 == 0
    for before, formula, after in re.findall(r"(.?)\$([^$]+)\$(.?)", rest, flags=re.DOTALL):
        assert PLAIN.fullmatch(formula), formula
        assert before in {"", *' \n([|"'}, (before, formula)
        assert after in {"", *" \n.,;:)!?|]-'\""}, (formula, after)
    for formula in (*blocks, *guarded):
        assert not REFUSED.search(formula), formula
        assert formula.count("{") - formula.count(r"\{") == formula.count("}") - formula.count(r"\}")


def test_a_page_uses_standard_terms(entry: Entry):
    facts = (entry.name, entry.summary, entry.verified_against, entry.gap, entry.beyond, *entry.deviations)
    text = re.sub("(?i)hierarchical mixtures?|adaptive mixtures", "", "\n".join([*facts, entry.page]))
    assert wrong_words(text, PAGE_WORDS) == []


def test_the_usage_on_a_page_runs(entry: Entry):
    usage = entry.page.split("## Usage\n")[1].split("\n## ")[0]
    assert set(re.findall(r"-m reference_impls \w+ ([\w-]+)", usage)) == {entry.key}
    assert usage.count("```python") == 1
    assert entry.snippet in usage
    names: dict[str, object] = {}
    exec(compile(entry.snippet, str(entry.folder / "README.md"), "exec"), names)
    assert tuple(names["y"].shape) == (2, 16, 64)  # type: ignore[attr-defined]

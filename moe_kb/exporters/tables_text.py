"""A table as Markdown or LaTeX, to paste into a page or a paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from moe_kb.csv_text import csv_text
from moe_kb.exporters.latex import escape

Rows = Sequence[Sequence[str | None]]


def markdown(columns: Sequence[str], rows: Rows, note: str = "") -> str:
    """A table of GitHub's Markdown, with a note below it.

    >>> print(markdown(["a|b", "c"], [["1", None]]), end="")
    | a\\|b | c |
    |---|---|
    | 1 |  |
    """
    lines = [columns, *rows]
    cells = [[_plain(cell).replace("\\", "\\\\").replace("|", "\\|") for cell in line] for line in lines]
    cells = [[cell.replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_") for cell in line] for line in cells]
    text = [f"| {' | '.join(line)} |" for line in cells]
    text.insert(1, "|" + "---|" * len(columns))
    return "\n".join([*text, *(["", note] if note else [])]) + "\n"


def latex(columns: Sequence[str], rows: Rows, note: str = "") -> str:
    """A table for `booktabs`, with a note as a comment above it.

    >>> print(latex(["a", "b"], [["50%", "x_1"]]), end="")
    % needs \\usepackage{booktabs}
    \\begin{tabular}{ll}
    \\toprule
    a & b \\\\
    \\midrule
    50\\% & x\\_1 \\\\
    \\bottomrule
    \\end{tabular}
    """

    def line(cells: Sequence[str | None]) -> str:
        return " & ".join(escape(_plain(cell)) for cell in cells) + r" \\"

    head = [*([f"% {_plain(note)}"] if note else []), r"% needs \usepackage{booktabs}"]
    body = [r"\toprule", line(columns), r"\midrule", *map(line, rows), r"\bottomrule"]
    return "\n".join([*head, rf"\begin{{tabular}}{{{'l' * len(columns)}}}", *body, r"\end{tabular}"]) + "\n"


def _plain(cell: str | None) -> str:
    return " ".join((cell or "").split())


#: Form to the function that writes it.
FORMS: dict[str, Callable[[Sequence[str], Rows, str], str]] = {
    "markdown": markdown,
    "latex": latex,
    "csv": lambda columns, rows, note: csv_text(columns, rows),
}

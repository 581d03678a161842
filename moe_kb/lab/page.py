"""The page of an implementation: from GitHub's Markdown to what Streamlit draws, and what it says of its metrics."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def page_markdown(page: str) -> str:
    """Return a page as the app shows it: headings below the app's own, equations between dollars.

    GitHub keeps its Markdown away from an equation in a fenced `math` block or between dollars with backticks;
    Streamlit knows plain dollars only. A `$$` that opens or closes amid text is no block for every reader, so each
    stands on a line of its own.
    """
    shown, end = [], 0
    for fence in _FENCE.finditer(page):
        shown += [_prose(page[end : fence.start()]), _block(fence[2]) if fence[1] == "math" else fence[0]]
        end = fence.end()
    return "".join([*shown, _prose(page[end:])])


def _block(formula: str) -> str:
    return f"$$\n{formula.strip()}\n$$"


def _prose(text: str) -> str:
    text = re.sub(r"\$`(.+?)`\$", r"$\1$", text, flags=re.DOTALL)
    text = re.sub(r"\$\$(.+?)\$\$", lambda formula: f"\n{_block(formula[1])}\n", text, flags=re.DOTALL)
    return re.sub(r"^(#{1,5} )", r"#\1", text, flags=re.MULTILINE)


def metric_meanings(page: str) -> dict[str, str]:
    """Return what a page says of the metrics that it names: the item of a list that begins with the name."""
    meanings: dict[str, str] = {}
    for item in re.findall(r"^- (`.+?)(?=^- |^\s*$|^#|\Z)", page_markdown(page), re.MULTILINE | re.DOTALL):
        text = " ".join(item.split())
        named = re.match(r"((?:`\w+`(?:, | and )?)+)(?=:| is )", text)
        for name in re.findall(r"`(\w+)`", named[1]) if named else ():
            meanings.setdefault(name, text)
    return meanings

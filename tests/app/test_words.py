"""Every page says what the field says."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from words import wrong_words

#: Pages by their file, with what their addresses say.
PAGES: list[tuple[str, dict[str, str]]] = [
    ("overview", {}), ("papers", {}), ("papers", {"q": "nothing is called so"}), ("paper", {"key": "alpha"}),
    ("designs", {}), ("designs", {"component": "loss"}), ("design", {"key": "alpha-router"}), ("models", {}),
    ("model", {"key": "alpha"}), ("systems", {}), ("size", {}),
    ("size", {"models": "alpha|1B", "change": "Alpha 1B", "accelerator": "zeta"}), ("trade_offs", {}), ("trends", {}),
    ("evidence", {}), ("taxonomy", {}), ("compare", {"keys": "alpha-router,beta-router"}),
    ("compare", {"kind": "model", "keys": "alpha,beta"}), ("compare", {"kind": "model"}),
    ("tour", {}), ("news", {}), ("reading", {}), ("glossary", {}), ("systems", {"key": "gamma"}), ("guide", {}),
    ("guide", {"causal": "yes"}),
    ("query", {}), ("lab", {}), ("lab", {"implementation": "mixtral-top2-router"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "query"), PAGES, ids=str)
def test_pages_use_the_words_of_the_field(open_page, sizable, name, query):
    page = open_page(name, **query)
    assert wrong_words("\n".join(shown(page))) == []


def shown(page: Any) -> Iterator[str]:
    """Every text that a page shows: of its elements, with labels, helps and options, and of its charts."""
    for block in (page.main, page.sidebar):
        waiting = [block]
        while waiting:
            element = waiting.pop()
            waiting += getattr(element, "children", {}).values()
            if (message := getattr(element, "proto", None)) is not None:
                yield from _texts(message)


def _texts(message: Any) -> Iterator[str]:
    for field, value in getattr(message, "ListFields", list)():
        if field.name in ("id", "url", "query_string", "key", "element_id", "hash", "js_content", "css_content"):
            continue
        for item in value if field.is_repeated else [value]:
            if field.message_type is not None:
                yield from _texts(item)
            elif isinstance(item, str):
                yield from _words_of(item)


def _words_of(text: str) -> Iterator[str]:
    """A text; of a chart's or a table's JSON the texts in it."""
    if not text.startswith(("{", "[")):
        yield text
        return
    try:
        waiting = [json.loads(text)]
    except ValueError:
        yield text
        return
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [value for name, value in item.items() if name not in ("id", "ids", "href", "record")]
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str):
            yield item

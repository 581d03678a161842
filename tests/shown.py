"""Tables of the app's pages, as a test reads them."""

import json
from typing import Any

import pandas as pd
from streamlit.testing.v1 import AppTest


def parts(at: AppTest) -> list[dict[str, Any]]:
    """What the components of the page's HTML tables are told, in order."""
    told = [json.loads(element.proto.json) for element in at.get("bidi_component")]
    return [data for data in told if "columns" in data]


def tables(at: AppTest) -> list[pd.DataFrame]:
    """The values of the page's HTML tables, in order: numbers as numbers, tags as lists, links as addresses."""
    return [
        pd.DataFrame(
            [
                {
                    column["name"]: _value(column["kind"], cell)
                    for column, cell in zip(data["columns"], row["cells"], strict=True)
                }
                for row in data["rows"]
            ],
            columns=[column["name"] for column in data["columns"]],
        )
        for data in parts(at)
    ]


def _value(kind: str, cell: Any) -> Any:
    match kind, cell:
        case _, None:
            return None
        case "name", {"text": text}:
            return text
        case "number" | "link", [_, value, *_]:
            return value
        case "tags", _:
            return [text for text, _ in cell]
        case "found", _:
            return "".join(text for text, _ in cell)
        case _:
            return cell

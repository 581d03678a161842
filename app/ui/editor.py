"""A box for code: letters of one width, lines that do not wrap, and their numbers in the margin."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st

#: Pixels of a line, and lines that have a number.
LINE, LINES = 21, 200


def _css() -> str:
    numbers = "".join(
        f"<text x='26' y='{LINE * line - 5}' text-anchor='end'>{line}</text>" for line in range(1, LINES + 1)
    )
    picture = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='34' height='{LINE * LINES}' "
        f"font-family='monospace' font-size='12' fill='#76808c'>{numbers}</svg>"
    )
    return f"""
        .st-key-sql textarea {{
            font-family: var(--st-code-font, ui-monospace, monospace); font-size: 14px; line-height: {LINE}px;
            white-space: pre; overflow-x: auto; padding: 8px 12px 8px 42px; tab-size: 2;
            background: url("data:image/svg+xml,{quote(picture)}") 4px 8px no-repeat local;
        }}
    """


_style = st.components.v2.component("moe_kb_editor", css=_css(), isolate_styles=False)


def number_lines() -> None:
    """Show the text area of the key `sql` as a box for code."""
    _style(key="sql-lines", data={})

"""Parts below the fold, drawn when the reader scrolls near them.

Charts cost most of a page's time and most of what a browser is sent, and few readers scroll to the last one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

_near = st.components.v2.component("moe_kb_near", js=(Path(__file__).parent / "below.js").read_text(encoding="utf-8"))


@st.fragment
def below(draw: Callable[[], None], *, key: str, height: int) -> None:
    """Draw a part of the page once the reader is within a screen of it; until then, its place is kept.

    Args:
        draw: Draws the part, which may hold widgets; what it changes elsewhere in the page needs a rerun of the page.
        key: Unique among the page's parts.
        height: Pixels that the part takes, about.
    """
    if not st.context.headers:  # no browser (`streamlit.testing`): nothing ever scrolls
        return draw()
    key = f"below-{key}"
    said = st.session_state.get(key)
    near = bool(said and said.near)
    # It stays in the page, since Streamlit forgets what is no longer shown.
    shown = {"data": {"height": height, "near": near}, "height": 1 if near else height}
    if _near(key=key, on_near_change=lambda: None, **shown).near:
        draw()

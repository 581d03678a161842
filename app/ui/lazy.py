"""What lies below the fold is drawn when a reader scrolls near it, so that the first view need not wait for it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

#: Reports once that it is near the window. It keeps the height of what will stand there, so that nothing jumps.
_JS = """
export default function ({ data, parentElement, setStateValue }) {
  const place = parentElement.querySelector("div") || document.createElement("div");
  place.style.minHeight = `${data.height}px`;
  parentElement.append(place);
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    setStateValue("seen", true);
  }, { rootMargin: "300px" });
  seen.observe(place);
  return () => seen.disconnect();
}
"""
_watch = st.components.v2.component("moe_kb_seen", js=_JS)


def when_seen(draw: Callable[[], None], *, key: str, height: int) -> None:
    """Draw something when a reader scrolls near its place; from then on it is drawn with the page.

    Args:
        draw: Draws it; what is clicked in it reruns it alone.
        key: Unique on the page.
        height: Pixels that it will need, about.
    """

    @st.fragment
    def part() -> None:
        state = f"{key}-seen"
        if st.session_state.get(state):
            draw()
            return
        mark = _watch(key=f"{key}-watch", data={"height": height}, on_seen_change=lambda: None)
        if mark.seen:
            st.session_state[state] = True
            st.rerun(scope="fragment")

    part()

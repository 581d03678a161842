"""Pictures in the page: SVG in which text is text, so that it can be selected and found."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from moe_kb.pictures.model import Picture

#: The wide form where the page has room for it, the narrow one elsewhere.
_STYLE = (
    "<style>.kb-pictures{container-type:inline-size;overflow-x:auto}.kb-columns{display:flex;flex-wrap:wrap;align-items:flex-start;gap:28px}"
    ".kb-columns svg{flex:0 1 auto}.kb-wide{display:none}"
    "@container (min-width:700px){.kb-wide{display:block}.kb-narrow{display:none}}</style>"
)


def _show(inside: str) -> None:
    # The one place where markup reaches the page. It is a serialised tree of SVG, in which every text of a record is
    # escaped. Markdown reads nothing of a block that begins with HTML, up to an empty line, and pictures have no line.
    st.markdown(f'<div class="kb-pictures">{_STYLE}{inside}</div>', unsafe_allow_html=True)


def picture(wide: Picture, narrow: Picture) -> None:
    """A picture in the form that there is room for."""
    _show(f'<div class="kb-wide">{wide.svg}</div><div class="kb-narrow">{narrow.svg}</div>')


def columns(pictures: Iterable[Picture]) -> None:
    """Pictures beside each other, as many as there is room for."""
    _show(f'<div class="kb-columns">{"".join(picture.svg for picture in pictures)}</div>')


def save_svg(picture: Picture, name: str, *, label: str = "Download SVG") -> None:
    """A button that saves a picture as a file of this name."""
    st.download_button(
        label, picture.svg, f"{name}.svg", "image/svg+xml", icon=":material/download:", on_click="ignore"
    )

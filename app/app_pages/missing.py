"""Where an address leads that is none of the app's: what it may have meant."""

from __future__ import annotations

import re

import streamlit as st
import ui

asked = ui.parameter("page")[:80]
ui.header("No such page")
st.error(f"No page has the address “{ui.plain(asked)}”.", icon=":material/error:")
ui.search_box(re.sub(r"[^\w.]+", " ", asked).strip())
with st.container(horizontal=True):
    for name, label in (("overview", "Overview"), ("designs", "Designs"), ("models", "Models"), ("papers", "Papers")):
        ui.page_link(name, label)

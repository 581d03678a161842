"""The former address of the trade-offs, with whatever it asked for."""

from __future__ import annotations

import streamlit as st
import ui

st.switch_page(ui.page("trade_offs"), query_params={name: st.query_params.get_all(name) for name in st.query_params})

"""Lab: choose an implementation, set it up, launch it, watch it, and look back at past runs."""

from __future__ import annotations

import streamlit as st
import ui
from laboratory.choose import choose
from laboratory.run import one_run
from laboratory.runs import all_runs
from laboratory.several import COMPARED, several
from laboratory.shared import complain, laboratory, leave_to

from moe_kb.lab import LabError, default_home

ui.header("Lab", "Run a design on this machine: a tiny model that learns text, or a task made to show how it routes.")
try:
    lab = laboratory(str(default_home()))
    if "run" in st.query_params:
        one_run(lab, st.query_params["run"])
    else:
        views = {"set-up": "Set up a run", "compare": "Compare designs", "runs": "Runs"}
        usual = "compare" if COMPARED in st.query_params else "set-up"
        view = ui.segmented("View", "view", views, usual, bare=True)
        {"set-up": choose, "compare": several, "runs": all_runs}[view](lab)
except LabError as error:
    complain(error)
    if "run" in st.query_params:
        st.button("All runs", on_click=leave_to, args=("runs",), icon=":material/arrow_back:")

"""Plotly figures of what `moe_kb.queries` and `moe_kb.analysis` give."""

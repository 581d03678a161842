"""The one place that cleans what goes to a chart.

Plotly reads a few tags of HTML in every text that it draws, links among them. Names of records, columns and values of a
query may hold any text, so only the tags that charts themselves write are left; every other bracket is shown as one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from operator import is_
from typing import Any, ParamSpec

import numpy as np
import plotly.graph_objects as go

P = ParamSpec("P")

#: A bracket that begins none of the tags that charts write (without attributes).
_OTHER = re.compile(r"<(?!/?(?:b|i|br|sub|sup|extra)>)")


def safe(chart: Callable[P, go.Figure]) -> Callable[P, go.Figure]:
    """A function of a chart whose figure holds no markup but the charts' own; every public one is decorated so."""

    @wraps(chart)
    def cleaned(*arguments: P.args, **options: P.kwargs) -> go.Figure:
        figure = chart(*arguments, **options)
        plain = figure.to_dict()
        clean = _clean(plain)
        return figure if clean is plain else go.Figure(clean)

    return cleaned


def _clean(value: Any) -> Any:
    """The value with other brackets escaped; the very same object where there are none, as in nearly every chart."""
    if isinstance(value, str):
        return _OTHER.sub("&lt;", value) if "<" in value else value
    if isinstance(value, dict):
        new = {name: _clean(inner) for name, inner in value.items()}
        return value if all(map(is_, new.values(), value.values())) else new
    if isinstance(value, np.ndarray):
        return _clean(value.tolist()) if value.dtype.kind in "OU" else value
    if isinstance(value, (list, tuple)):
        items = [_clean(inner) for inner in value]
        return value if all(map(is_, items, value)) else items
    return value

"""No text that is drawn becomes markup, a link least of all: what charts do not write themselves is shown as it is."""

import importlib
import inspect
import json
import pkgutil
import re

import numpy as np
import plotly.graph_objects as go
import pytest

import moe_kb.charts
from moe_kb.charts.query_result import KINDS, result_chart
from moe_kb.charts.safe import safe
from moe_kb.db.console import QueryResult

LINKS = (
    '<a href="https://evil.example">Mixtral</a>',
    "<A HREF='javascript:alert(1)' target=_top>x",
    '<span style="font-size:99px">big</span>',
    '<b style="color:red">b</b>',
    "<\u200ba href=x>",
    "</a><img src=x>",
)


def drawn_by(package) -> list:
    """Every public function of the package's modules that gives a figure."""
    modules = [
        importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]
    return [
        function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and inspect.signature(function).return_annotation == "go.Figure"
        and name != "quiet"  # completes a figure that is not yet given to anybody
    ]


def test_every_chart_is_safe():
    charts = drawn_by(moe_kb.charts)
    assert len(charts) > 20
    assert [chart.__qualname__ for chart in charts if not hasattr(chart, "__wrapped__")] == []


@pytest.mark.parametrize("text", LINKS)
def test_texts_of_a_figure_hold_no_tag(text):
    @safe
    def chart() -> go.Figure:
        figure = go.Figure(layout={"title": {"text": text}, "xaxis": {"ticktext": [text], "tickvals": [0]}})
        figure.add_scatter(x=[text], y=np.array([text], dtype=object), name=text, customdata=[[text]], text=(text,))
        figure.add_annotation(text=f"<b>{text}</b>")
        return figure

    said = json.loads(chart().to_json())
    texts = [said["layout"]["title"]["text"], *said["layout"]["xaxis"]["ticktext"], said["data"][0]["name"]]
    texts += [*said["data"][0]["x"], *said["data"][0]["y"], *said["data"][0]["text"], *said["data"][0]["customdata"][0]]
    shown = re.sub("<(?!/b>)", "&lt;", text)
    assert texts == [shown] * 7
    assert said["layout"]["annotations"][0]["text"] == f"<b>{shown}</b>"


def test_markup_of_the_charts_and_numbers_stay():
    figure = go.Figure(
        go.Scatter(x=np.arange(3.0), y=[1, 2, 3], hovertemplate="<b>%{x}</b><br><i>k</i><extra></extra>")
    )
    assert safe(lambda: figure)() is figure


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", LINKS)
def test_names_and_values_of_queries_are_text(kind, text):
    result = QueryResult([text, "y"], [(text, 1.5), ("b", 2.5)], False, 0.0)
    said = json.dumps(json.loads(result_chart(result, kind, text, "y", group=text).to_json()))
    assert not re.search(r"<\s*/?(?!(?:b|i|br|extra)>|/(?:b|i|extra)>)", said)

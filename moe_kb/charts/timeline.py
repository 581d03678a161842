"""The surveys' timelines of models, and the growth of the literature."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import plotly.graph_objects as go

from moe_kb.charts.palette import BLUE, GREEN, GREY, ORANGE, PINK, YELLOW, entry, quiet
from moe_kb.charts.safe import safe
from moe_kb.fields import NOT_REPORTED
from moe_kb.format import escaped
from moe_kb.queries.timeline import PapersOfYear, TimelineModel

#: Pixels per model in a column.
ROW = 24
#: Pixels of the narrowest chart whose labels do not touch, and of a letter.
WIDTH, LETTER = 1_100, 5.8
DOMAINS = {"NLP": BLUE, "Multimodal": ORANGE, "Vision": GREEN, "RecSys": PINK, NOT_REPORTED: GREY}


@safe
def figure(models: Sequence[TimelineModel], organisations: Collection[str] = ()) -> go.Figure:
    """Models in columns of time, open ones above the line and closed ones below; customdata is the model's record.

    Columns are the source's own periods, equally wide, because it says no more about a date than its column; inside a
    column each model has its own row, so that no names collide. With `organisations` only their models are drawn, in
    the columns of all.
    """
    periods = list(dict.fromkeys(model.period for model in models))
    drawn = [model for model in models if not organisations or model.organisation in organisations]
    filled: Counter[tuple[str, bool]] = Counter()
    places: list[tuple[float, int]] = []
    for model in drawn:
        is_open = model.openness == "open"
        filled[model.period, is_open] += 1
        row = filled[model.period, is_open]
        places.append((periods.index(model.period) + 0.03, row if is_open else -row))
    top = max(0, *(y for _, y in places), 0) + 0.8
    bottom = min(0, *(y for _, y in places), 0) - 0.8
    longest = int((WIDTH / max(len(periods), 1) - 20) / LETTER)
    out = go.Figure()
    for i in range(0, len(periods), 2):
        out.add_vrect(x0=i - 0.04, x1=i + 0.96, fillcolor=GREY, opacity=0.07, line_width=0, layer="below")
    out.add_hline(y=0, line={"color": GREY, "width": 1})
    for domain in dict.fromkeys([*DOMAINS, *(model.domain for model in drawn)]):
        members = [number for number, model in enumerate(drawn) if model.domain == domain]
        if not members:
            continue
        colour = DOMAINS.get(domain, YELLOW)
        out.add_scatter(
            x=[places[number][0] for number in members],
            y=[places[number][1] for number in members],
            mode="markers+text",
            name=domain,
            text=[escaped(_cut(drawn[number].label, longest)) for number in members],
            textposition="middle right",
            textfont={"size": 11},
            legendgroup=domain,
            showlegend=False,
            customdata=[drawn[number].record for number in members],
            hovertext=[_hover(drawn[number]) for number in members],
            hoverinfo="text",
            marker={
                "size": 10,
                "color": colour,
                "line": {"width": 1.5, "color": colour},
                "symbol": ["circle" if drawn[number].openness == "open" else "diamond-open" for number in members],
            },
        )
        # The legend is about colour only; its own entry keeps a neutral marker whatever the first model's is.
        out.add_trace(entry(domain, colour, "square"))
    for y, text, anchor in ((top, "● open weights", "top"), (bottom, "◇ closed", "bottom")):
        place = {"x": 0, "xref": "paper", "y": y, "xanchor": "left", "yanchor": anchor}
        out.add_annotation(text=text, showarrow=False, font={"size": 12}, **place)
    quiet(out, int(ROW * (top - bottom)) + 90, top=36, bottom=30)
    out.update_xaxes(
        tickvals=[i + 0.46 for i in range(len(periods))],
        ticktext=[_wrapped(period) for period in periods],
        range=[-0.06, len(periods)],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        side="bottom",
    )
    out.update_yaxes(visible=False, range=[bottom, top], fixedrange=True)
    return out


def _cut(label: str, longest: int) -> str:
    """A label in as many letters as its column has room for; the hover text has it whole."""
    return label if len(label) <= longest else f"{label[: longest - 1].rstrip()}…"


def _wrapped(period: str) -> str:
    """Year above, months below."""
    return "<br>".join(escaped(part) for part in period.split(" ", 1))


def _hover(model: TimelineModel) -> str:
    lines = [f"{model.organisation} · {model.domain}", f"{model.openness} · {model.period}"]
    if model.released:
        lines.append(f"release date: {model.released}")
    return "<br>".join([f"<b>{escaped(model.label)}</b>", *map(escaped, lines)])


@safe
def growth(years: Sequence[PapersOfYear]) -> go.Figure:
    """Papers by year: those about mixtures of experts, and those here because a survey leans on them."""
    out = go.Figure()
    for name, counts, colour in (
        ("about mixtures of experts", [year.core for year in years], BLUE),
        ("background and neighbours", [year.others for year in years], GREY),
    ):
        out.add_bar(
            x=[year.year for year in years],
            y=counts,
            name=name,
            marker={"color": colour},
            hovertemplate="%{x}: %{y} papers<extra>" + name + "</extra>",
        )
    quiet(out, 320, top=36, bottom=40)
    out.update_layout(barmode="stack", bargap=0.25, legend_traceorder="normal")
    out.update_xaxes(title="Year", tickformat="d", showgrid=False, fixedrange=True)
    out.update_yaxes(title="Papers", fixedrange=True)
    return out

"""search.html and walk_forward.html: pictures of a search, in one file that needs nothing else."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from string import Template
from typing import Any, Final

from keel.report import text
from keel.report.html import packed_library
from keel.report.search import SearchTable, short_names, summary_line

Chart = dict[str, Any]
_SCALE: Final = "Cividis"
"""A colour scale that the colour-blind read and that rises in lightness: Nuñez, Anderton, Renslow, PLOS ONE 13(7)."""
_AXIS: Final = {"gridcolor": "--line", "linecolor": "--strong", "zeroline": False, "automargin": True}
_MOST_LABELS: Final = 40


def render_search_html(table: SearchTable, name: str, warnings: Sequence[str], counts: dict[str, int]) -> str:
    """Return the page of a sweep: a heat map of two parameters, and all parameters beside the metric."""
    charts: dict[str, tuple[str, str, Chart]] = {}
    if table.scored():
        if len(table.parameters) > 1:
            note = "The best of the trials at each pair, where further parameters vary."
            charts["heat"] = ("Heat map", note, _heat_map(table))
        note = (
            "Every line is a trial. Drag along an axis to keep the lines that pass there; drag a name to move the axis."
        )
        charts["parallel"] = ("All parameters", note, _parallel(table))
    return page(("Keel sweep", name, summary_line(counts)), warnings, charts, "Every trial is in trials.csv.")


def page(
    head: tuple[str, str, str], warnings: Sequence[str], charts: Mapping[str, tuple[str, str, Chart]], footer: str
) -> str:
    """Return a page: `head` is overline, name and a line of detail; each chart has a title and a note."""
    # The library compiles the parallel coordinates as it draws them: this page's policy allows that (unsafe-eval), and
    # like a run's report it reaches for nothing outside.
    sections = [
        f'<section><h2>{escape(title)}</h2><div id="{key}" class="chart chart-tall"></div>'
        f'<p class="note">{escape(note)}</p></section>'
        for key, (title, note, _) in charts.items()
    ]
    data = {key: chart for key, (_, _, chart) in charts.items()}
    return Template(_asset("search_page.html")).substitute(
        title=escape(f"{head[1]} · Keel"),
        overline=escape(head[0]),
        name=escape(head[1]),
        meta=escape(head[2]),
        warnings="".join(f'<p class="banner">{escape(line)}</p>' for line in warnings),
        sections="".join(sections) or '<p class="empty">No trial has a score: there is nothing to draw.</p>',
        footer=escape(footer),
        style=_asset("report.css"),
        theme_script=_asset("theme.js"),
        script=_asset("search_page.js"),
        data=json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        plotly=packed_library(),
    )


def titled(title: str) -> Chart:
    """Return an axis with a title, in the page's colours."""
    return {**_AXIS, "title": {"text": escape(title)}, "tickfont": {"color": "--muted"}}


def _heat_map(table: SearchTable) -> Chart:
    first, second, cells = table.cells()
    known = [[None if math.isnan(value) else value for value in line] for line in cells]
    shown = len(known) * len(known[0]) <= _MOST_LABELS**2 // 4
    trace = {
        "type": "heatmap",
        "x": [str(value) for value in table.levels(first)],
        "y": [str(value) for value in table.levels(second)],
        "z": known,
        "colorscale": _SCALE,
        "texttemplate": "%{z:.2f}" if shown else "",
        "colorbar": {"title": {"text": text.label(table.metric)}, "outlinewidth": 0},
        "hovertemplate": f"{escape(first)} %{{x}}<br>{escape(second)} %{{y}}<br>%{{z:.4f}}<extra></extra>",
    }
    category = {"type": "category"}
    axes = {"xaxis": titled(first) | category, "yaxis": titled(second) | category}
    return {"traces": [trace], "layout": axes}


def _parallel(table: SearchTable) -> Chart:
    rows = table.scored()
    names = [*short_names(table.parameters), text.label(table.metric)]
    columns = [[row[key] for row in rows] for key in (*table.parameters, table.metric)]
    trace = {
        "type": "parcoords",
        "dimensions": [_dimension(name, column) for name, column in zip(names, columns, strict=True)],
        "line": {"color": columns[-1], "colorscale": _SCALE, "showscale": len(rows) > 1},
        "labelfont": {"color": "--ink"},
        "tickfont": {"color": "--muted"},
        "rangefont": {"color": "--muted"},
    }
    return {"traces": [trace], "layout": {"margin": {"l": 80, "r": 60, "t": 72, "b": 32}}}


def _dimension(name: str, column: list[Any]) -> Chart:
    if all(isinstance(value, int | float) for value in column):
        return {"label": escape(name), "values": column}
    words = sorted({str(value) for value in column})
    places = [words.index(str(value)) for value in column]
    return {"label": escape(name), "values": places, "tickvals": list(range(len(words))), "ticktext": words}


def _asset(name: str) -> str:
    return resources.files("keel.report").joinpath(name).read_text(encoding="utf-8")

"""The steps of a walk-forward on the console and in pictures: what was chosen when, and what it then earned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keel.report import text
from keel.report.png import BENCHMARK, INK, LINE, MUTED, STRATEGY
from keel.report.search import short_names, summary_line
from keel.report.search_html import Chart, page, titled
from keel.report.search_png import png_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN: Final = 12
"""Steps the console shows, the last ones; all are in steps.csv."""


@dataclass(frozen=True)
class StepTable:
    """Hold the steps of a walk-forward, a row a step, the parameters' keys and the metric."""

    parameters: tuple[str, ...]
    metric: str
    rows: Sequence[dict[str, Any]]


def print_walk_forward(
    console: Console, table: StepTable, name: str, overview: dict[str, Any], counts: dict[str, int]
) -> None:
    """Print the last steps, what the choice promised against what it kept, and how often it changed."""
    console.print(Text.assemble((name, "bold"), ("  " + summary_line(counts), "dim")), soft_wrap=True)
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for heading in ("Step", "Tested from", *short_names(table.parameters), "In sample", "Out of sample", "Return"):
        shown.add_column(Text(heading), justify="right")
    for row in table.rows[-_SHOWN:]:
        values = [str(row[key]) for key in table.parameters]
        figures = [text.ratio(row["in_sample"]), text.ratio(row["out_of_sample"]), text.gain(row["test_return"])]
        shown.add_row(str(row["step"]), row["test_start"][:10], *map(Text, values), *figures)
    console.print(shown)
    if len(table.rows) > _SHOWN:
        console.print(f"the last {_SHOWN} of {len(table.rows)} steps; all are in steps.csv", style="dim")
    for line in overview_lines(table.metric, overview):
        console.print(line)


def overview_lines(metric: str, overview: dict[str, Any]) -> list[str]:
    """Write what a walk-forward shows, a line each."""
    name = text.label(metric)
    lines = [
        f"{name} {text.ratio(overview['out_of_sample'])} over all tests as one run, where the windows promised "
        f"{text.ratio(overview['mean_in_sample'])} on average"
    ]
    if overview["efficiency"] is not None:
        lines.append(f"{text.percent(overview['efficiency'], 0)} of the promise was kept (walk-forward efficiency)")
    lines.append(
        f"{overview['profitable_steps']} of {overview['steps']} steps made money; the choice changed "
        f"{overview['changes']} times"
    )
    return lines


def render_steps_html(table: StepTable, name: str, overview: dict[str, Any]) -> str:
    """Return the page of a walk-forward: the metric in and out of sample, and each parameter, over the steps."""
    dates = [row["test_start"] for row in table.rows]
    charts = {"scores": ("In sample against out of sample", "Each step by its first test day.", _scores(table, dates))}
    for i, key in enumerate(table.parameters):
        note = "What each step traded. A choice that jumps about is a choice of noise."
        charts[f"parameter-{i}"] = (key, note, _chosen(key, [row[key] for row in table.rows], dates))
    lines = overview_lines(table.metric, overview)
    return page(("Keel walk-forward", name, "; ".join(lines)), [], charts, "The stitched run is in report.html.")


def stability_png(table: StepTable) -> bytes:
    """Return a picture of the metric in and out of sample and of every parameter, over the steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4 + 2 * len(table.parameters)), dpi=100, facecolor="white", layout="constrained")
    heights = [2.0] + [1.0] * len(table.parameters)
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    steps = [row["step"] for row in table.rows]
    for name, tint in (("in_sample", BENCHMARK), ("out_of_sample", STRATEGY)):
        # NaN breaks the line where a step has no figure, as when nothing was held.
        scores = [math.nan if row[name] is None else row[name] for row in table.rows]
        panels[0].plot(steps, scores, color=tint, label=text.label(name), marker=".")
    panels[0].axhline(0.0, color=LINE, linewidth=1.0)
    panels[0].legend(loc="upper left", frameon=False, ncols=2)
    panels[0].set_ylabel(text.label(table.metric), color=MUTED)
    for panel, key, name in zip(panels[1:], table.parameters, short_names(table.parameters), strict=True):
        values = [row[key] for row in table.rows]
        numbers = all(isinstance(value, int | float) for value in values)
        panel.step(steps, values if numbers else list(map(str, values)), where="mid", color=STRATEGY)
        panel.set_ylabel(name, color=MUTED)
    for panel in panels:
        _dress(panel)
    panels[-1].set_xlabel("Step", color=MUTED)
    figure.suptitle("What each step chose, and what it earned", color=INK, size=15, x=0.02, ha="left")
    return png_of(figure)


def _dress(axes: Axes) -> None:
    axes.tick_params(colors=MUTED, length=0)
    axes.grid(visible=True, axis="y", color=LINE, linewidth=0.8)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)


def _scores(table: StepTable, dates: list[str]) -> Chart:
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": dates,
            "y": [row[name] for row in table.rows],
            "name": text.label(name),
            "line": {"color": tint},
        }
        for name, tint in (("in_sample", "--benchmark"), ("out_of_sample", "--strategy"))
    ]
    return {"traces": traces, "layout": {"xaxis": titled(""), "yaxis": titled(text.label(table.metric))}}


def _chosen(key: str, values: list[Any], dates: list[str]) -> Chart:
    trace = {
        "type": "scatter",
        "mode": "lines",
        "x": dates,
        "y": values,
        "line": {"color": "--strategy", "shape": "hvh"},
    }
    return {"traces": [trace], "layout": {"xaxis": titled(""), "yaxis": titled(key)}}

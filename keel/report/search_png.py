"""The pictures of a search that need no browser: heat_map.png, parallel.png and stability.png."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from keel.report import text
from keel.report.png import INK, LINE, MUTED
from keel.report.search import SearchTable, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SCALE: Final = "cividis"
_MOST_LABELS: Final = 400
_MOST_TICKS: Final = 25
_MOST_LINES: Final = 2_000
"""Trials that parallel.png draws, the best of all: more would be one patch of colour."""


def heat_map_png(table: SearchTable) -> bytes:
    """Return a picture of the best score at each pair of the two parameters with most values."""
    from matplotlib.figure import Figure

    first, second, cells = table.cells()
    figure = Figure(figsize=(12, 8), dpi=100, facecolor="white", layout="constrained")
    axes = figure.subplots()
    values = np.ma.masked_invalid(np.array(cells, dtype=float))
    image = axes.imshow(values, origin="lower", aspect="auto", cmap=_SCALE, interpolation="nearest")
    _ticks(axes.set_xticks, [str(value) for value in table.levels(first)])
    _ticks(axes.set_yticks, [str(value) for value in table.levels(second)])
    _name(axes, first, second)
    if values.size <= _MOST_LABELS:
        _label_cells(axes, values)
    bar = figure.colorbar(image, ax=axes)
    bar.set_label(text.label(table.metric), color=MUTED)
    bar.outline.set_visible(False)
    others = ", the best over the others" if len(table.parameters) > 2 else ""
    title = f"{text.label(table.metric)} by {first} and {second}{others}"
    figure.suptitle(title, color=INK, size=15, x=0.02, ha="left")
    return png_of(figure)


def parallel_png(table: SearchTable) -> bytes:
    """Return a picture of every trial as a line over its parameters and its score, the best one on top."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    rows = list(reversed(table.scored()[:_MOST_LINES]))
    keys = (*table.parameters, table.metric)
    places = np.column_stack([_places([row[key] for row in rows]) for key in keys])
    figure = Figure(figsize=(12, 7), dpi=100, facecolor="white", layout="constrained")
    axes = figure.subplots()
    ranks = np.linspace(0.0, 1.0, len(rows))
    for place, rank in zip(places, ranks, strict=True):
        axes.plot(
            place, color=colormaps[_SCALE](rank), linewidth=0.8 + 1.4 * (rank == 1.0), alpha=0.35 + 0.65 * rank**4
        )
    for i, key in enumerate(keys):
        axes.axvline(i, color=LINE, linewidth=1.0, zorder=0)
        _scale(axes, i, [row[key] for row in rows])
    axes.set_xticks(range(len(keys)), [*short_names(table.parameters), text.label(table.metric)], color=INK)
    axes.set_yticks([])
    axes.set_xlim(-0.2, len(keys) - 0.8)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    figure.suptitle(f"{len(rows):,} trials; the line on top is the best", color=INK, size=15, x=0.02, ha="left")
    return png_of(figure)


def png_of(figure: Figure) -> bytes:
    """Return a figure as a PNG."""
    target = io.BytesIO()
    with warnings.catch_warnings():
        # A name in letters the bundled font lacks is drawn as boxes, which is no reason to fail or to print.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(target, format="png", dpi=100)
    return target.getvalue()


def _name(axes: Axes, first: str, second: str) -> None:
    axes.set_xlabel(first, color=MUTED)
    axes.set_ylabel(second, color=MUTED)
    axes.tick_params(colors=MUTED, length=0)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)


def _ticks(put: Any, names: Sequence[str]) -> None:  # noqa: ANN401 - a method of matplotlib's
    every = max(1, -(-len(names) // _MOST_TICKS))
    at = range(0, len(names), every)
    put(list(at), [names[i] for i in at])


def _label_cells(axes: Axes, values: np.ma.MaskedArray[Any, Any]) -> None:
    middle = (float(values.min()) + float(values.max())) / 2.0
    for line, column in np.argwhere(~np.ma.getmaskarray(values)).tolist():
        value = float(values[line, column])
        axes.text(column, line, text.ratio(value), ha="center", va="center", color=INK if value > middle else "white")


def _places(column: list[Any]) -> np.ndarray[Any, Any]:
    words = not all(isinstance(value, int | float) for value in column)
    levels = sorted({str(value) for value in column})
    numbers = np.array([levels.index(str(value)) if words else value for value in column], dtype=float)
    low, high = float(numbers.min()), float(numbers.max())
    return (numbers - low) / (high - low) if high > low else np.full(len(numbers), 0.5)


def _scale(axes: Axes, at: int, column: list[Any]) -> None:
    if all(isinstance(value, int | float) for value in column):
        ends = [(0.0, min(column)), (1.0, max(column))] if min(column) < max(column) else [(0.5, column[0])]
        marks = [(place, f"{value:.4g}") for place, value in ends]
    else:
        levels = sorted({str(value) for value in column})
        marks = [(i / max(1, len(levels) - 1) if len(levels) > 1 else 0.5, name) for i, name in enumerate(levels)]
    for place, name in marks:
        axes.annotate(name, (at, place), (4, 2), textcoords="offset points", color=MUTED, size=10)

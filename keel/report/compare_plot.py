"""A comparison of runs as a picture: equity curves that all start at 1, and one figure as bars. HTML or PNG."""

from __future__ import annotations

import base64
import io
import json
import warnings
from collections.abc import Mapping
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.report import fragments, rows
from keel.report.compare import Comparison
from keel.report.compare_text import BEST, figure_rows
from keel.report.downsample import extreme_rows
from keel.report.html import packed_library
from keel.runs.read import FinishedRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRETCHES: Final = 800
COLOURS: Final = ("#0a5fa8", "#d1741b", "#2f8f5b", "#b23a6f", "#6f57c2", "#8a6d1f", "#2a93a8", "#77808c")
"""Eight colours that stay apart in grey and on both themes; then they come again, dashed."""
_LEGEND_COLUMNS: Final = 3
_INK: Final = "#14171c"
_MUTED: Final = "#5a626e"
_LINE: Final = "#e2e4e8"


def comparison_html(comparison: Comparison) -> str:
    """Return one page that needs nothing else: curves, any figure as bars, both tables.

    Raises UsageError naming a damaged equity table.
    """
    page = Template(_asset("compare.html"))
    data = {
        "colours": COLOURS,
        "runs": [_curve(name, run) for name, run in zip(comparison.names, comparison.runs, strict=True)],
        "figures": [
            {
                "label": each.label,
                "values": comparison.values(each),
                "texts": [each.write(v) for v in comparison.values(each)],
            }
            for each in comparison.figures
        ],
        "chosen": comparison.figures.index(comparison.sorted_by) if comparison.sorted_by in comparison.figures else 0,
    }
    warned = "".join(f'<p class="banner" role="status">{escape(line)}.</p>' for line in comparison.warnings)
    return page.substitute(
        style=_asset("report.css"),
        theme_script=_asset("theme.js"),
        script=_asset("compare.js"),
        plotly=packed_library(),
        data=json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        banner=warned,
        note=escape(f"Sorted by {comparison.sorted_by.label}. {BEST} best of the runs that finished."),
        **_tables(comparison),
    )


def comparison_png(comparison: Comparison) -> bytes:
    """Return a PNG of 1600 × 900 pixels. Raises UsageError naming a damaged equity table."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 9), dpi=100, facecolor="white")
    upper, lower = figure.subplots(2, 1, height_ratios=[3, 1])
    legend_rows = -(-len(comparison.runs) // _LEGEND_COLUMNS)
    figure.subplots_adjust(left=0.06, right=0.98, top=0.95 - 0.02 * legend_rows, bottom=0.06, hspace=0.22)
    for axes in (upper, lower):
        _dress(axes)
    _draw_curves(upper, comparison)
    _draw_bars(lower, comparison)
    target = io.BytesIO()
    with warnings.catch_warnings():
        # A name in letters the bundled font lacks is drawn as boxes, which is no reason to fail or to print.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(target, format="png", dpi=100)
    return target.getvalue()


def growth_curve(run: FinishedRun) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return times (UTC ms) and equity over first equity, thinned. Raises UsageError naming a damaged table."""
    table = run.table("equity.parquet", "ts_ms", "equity")
    stamps, equity = table["ts_ms"].to_numpy(), table["equity"].to_numpy()
    if len(equity) == 0 or not equity[0] > 0:
        return np.zeros(0, np.int64), np.zeros(0)
    growth = np.nan_to_num(equity / equity[0], nan=0.0)
    kept = extreme_rows([growth], STRETCHES)
    return stamps[kept], growth[kept]


def _curve(name: str, run: FinishedRun) -> dict[str, Any]:
    stamps, growth = growth_curve(run)
    return {"name": name, "id": run.run_id, "t": _packed(stamps), "growth": _packed(growth)}


def _packed(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode("ascii")


def _tables(comparison: Comparison) -> Mapping[str, str]:
    who = [
        (name, run.run_id, rows.STATUS.get(run.status, run.status), run.metrics["period"].get("timeframe") or "")
        for name, run in zip(comparison.names, comparison.runs, strict=True)
    ]
    figures = [(label, *cells) for label, cells in figure_rows(comparison)]
    settings = [(name, *values) for name, values in comparison.settings.items()]
    return {
        "who": fragments.table(("", "Run", "How it ended", "Bars"), who, words=4),
        "figures": fragments.table(("Figure", *comparison.names), figures),
        "settings": fragments.table(("Setting", *comparison.names), settings)
        if settings
        else '<p class="empty">None differs.</p>',
    }


def _draw_curves(axes: Axes, comparison: Comparison) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    for position, (name, run) in enumerate(zip(comparison.names, comparison.runs, strict=True)):
        stamps, growth = growth_curve(run)
        again = position // len(COLOURS)
        colour, style = COLOURS[position % len(COLOURS)], "--" if again else "-"
        label = f"{name} {run.run_id}".replace("$", r"\$")
        axes.plot(stamps.astype("datetime64[ms]"), growth, color=colour, linestyle=style, linewidth=1.5, label=label)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_ylabel("Growth of 1", color=_MUTED)
    axes.margins(x=0)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize=10, ncols=_LEGEND_COLUMNS)


def _draw_bars(axes: Axes, comparison: Comparison) -> None:
    figure = comparison.sorted_by
    values = comparison.values(figure)
    heights = [0.0 if value is None else float(value) for value in values]
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(heights))]
    bars = axes.bar(comparison.names, heights, color=colours, width=0.6)
    axes.bar_label(bars, [figure.write(value) for value in values], color=_MUTED, fontsize=10, padding=2)
    axes.axhline(0.0, color=_MUTED, linewidth=0.8)
    axes.margins(y=0.2)
    axes.set_title(figure.label, loc="left", size=13, color=_INK)


def _dress(axes: Axes) -> None:
    axes.grid(visible=True, axis="y", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=_MUTED, length=0, labelsize=11)


def _asset(name: str) -> str:
    return resources.files("keel.report").joinpath(name).read_text(encoding="utf-8")

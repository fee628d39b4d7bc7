"""equity.png: equity against buy and hold, and the drawdown below."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from keel.report import rows, text
from keel.report.charts import equity_curves
from keel.runs.result import RunResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STRETCHES: Final = 800
INK: Final = "#14171c"
MUTED: Final = "#5a626e"
LINE: Final = "#e2e4e8"
STRATEGY: Final = "#0a5fa8"
BENCHMARK: Final = "#77808c"
LOSS: Final = "#b24a00"


def render_png(result: RunResult, summary: rows.Summary) -> bytes:
    """Return a PNG of 1600 × 900 pixels; the curves are thinned as in the report."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 9), dpi=100, facecolor="white")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    figure.subplots_adjust(left=0.08, right=0.975, top=0.86, bottom=0.07, hspace=0.08)
    _title(figure, result, summary)
    _draw(upper, lower, result)
    figure.align_ylabels()
    target = io.BytesIO()
    with warnings.catch_warnings():
        # A name in letters the bundled font lacks is drawn as boxes, which is no reason to fail or to print.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(target, format="png", dpi=100)
    return target.getvalue()


def _title(figure: Figure, result: RunResult, summary: rows.Summary) -> None:
    strategy, benchmark = summary["strategy"], summary["benchmark"]
    detail = "   ·   ".join(
        (
            rows.symbols_text(summary),
            rows.period_text(summary),
            f"return {text.gain(strategy['total_return'])} (buy and hold {text.gain(benchmark['total_return'])})",
            f"Sharpe {text.ratio(strategy['sharpe'])}",
            f"max drawdown {text.percent(strategy['max_drawdown'])}",
            rows.status_text(summary),
        )
    )
    common: dict[str, Any] = {"ha": "left", "va": "top", "parse_math": False}
    figure.text(0.08, 0.96, result.config.run.name, size=20, weight="bold", color=INK, **common)
    figure.text(0.08, 0.912, detail, size=12, color=MUTED, **common)


def _draw(upper: Axes, lower: Axes, result: RunResult) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import PercentFormatter, StrMethodFormatter

    curves = equity_curves(result, STRETCHES)
    for axes in (upper, lower):
        _dress(axes)
    upper.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    upper.set_ylabel(f"Equity, {result.config.account.currency}", color=MUTED)
    lower.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    lower.set_ylabel("Drawdown", color=MUTED)
    if len(curves["t"]) < 2:
        upper.text(
            0.5,
            0.5,
            "The run ended before there was a curve to draw.",
            transform=upper.transAxes,
            ha="center",
        )
        return
    moments = curves["t"].astype(np.int64).astype("datetime64[ms]")
    upper.plot(moments, curves["benchmark"], color=BENCHMARK, linewidth=1.1, label="Buy and hold")
    upper.plot(moments, curves["strategy"], color=STRATEGY, linewidth=1.7, label="Strategy")
    upper.legend(loc="upper left", frameon=False, fontsize=12, ncols=2)
    lower.plot(moments, curves["benchmark_drawdown"], color=BENCHMARK, linewidth=0.7, alpha=0.7)
    lower.fill_between(moments, curves["strategy_drawdown"], color=LOSS, alpha=0.18, linewidth=0)
    lower.plot(moments, curves["strategy_drawdown"], color=LOSS, linewidth=1.0)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    lower.xaxis.set_major_locator(locator)
    lower.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    upper.margins(x=0)
    lower.margins(x=0)


def _dress(axes: Axes) -> None:
    axes.grid(visible=True, axis="y", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#c6cad1")
    axes.tick_params(colors=MUTED, length=0, labelsize=11)

"""What the report's charts draw, as a JSON-able tree; numbers travel packed (`keel.report.packing`).

Times are UTC milliseconds. Colours and layout are the page's business (`report.js`).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.orders import OrderType
from keel.metrics import distribution, drawdown, relative, returns
from keel.metrics.curve import Curve
from keel.metrics.summary import Trades, periods_per_year, run_days
from keel.report.downsample import extreme_rows
from keel.report.packing import Column, pack, price_unit, times
from keel.report.prices import exit_names, price_data
from keel.runs.result import RunResult

Floats = NDArray[np.float64]

EQUITY_STRETCHES: Final = 25_000
"""Stretches of rows of which the highest and the lowest are sent: zooming in finds every move of a busy day."""
MOST_BINS: Final = 40
DAILY_BINS: Final = 60
SHADED_DRAWDOWNS: Final = 5

_MONEY: Final = ("strategy", "benchmark", "matched")
_PART: Final = 1e-5
"""Unit of fractions: a thousandth of a per cent."""
_LEAST_WINDOW: Final = 20
"""Daily returns a rolling figure needs at least: fewer say nothing."""


def chart_data(result: RunResult, trades: Trades) -> dict[str, Any]:
    """Return the data of every chart, by chart, and the names its codes stand for."""
    return {
        "currency": result.config.account.currency,
        "exits": exit_names(),
        "orderTypes": len(OrderType),
        "equity": equity_points(result),
        "falls": _falls(result),
        "rolling": rolling_points(result),
        "days": daily_histogram(result),
        "prices": price_data(result, trades),
        "returns": histogram(trades.closed["return"], MOST_BINS),
    }


def equity_points(result: RunResult, stretches: int = EQUITY_STRETCHES) -> dict[str, Any]:
    """Return packed equity and drawdown curves of strategy and benchmark, and exposure, at shared times."""
    curves = equity_curves(result, stretches)
    stamps = curves.pop("t")
    units = dict.fromkeys(_MONEY, price_unit(np.abs(curves["strategy"][:1])))
    columns = {name: Column(values, units.get(name, _PART)) for name, values in curves.items()}
    packed = pack([("t", times(stamps.astype(np.int64))), *columns.items()])
    return {"curves": packed, "rows": len(result.marks), "shown": len(stamps)}


def equity_curves(result: RunResult, stretches: int) -> dict[str, Floats]:
    """Return curves thinned to shared rows: `t`, equity and drawdown of strategy and benchmark, gross and net exposure.

    `matched` is the benchmark with its returns scaled to the strategy's volatility.
    """
    done = min(len(result.marks), len(result.benchmark))
    curves: dict[str, Floats] = {}
    for name, marks in (("strategy", result.marks), ("benchmark", result.benchmark)):
        equity = np.ascontiguousarray(marks["equity"][:done])
        curves[name] = equity
        curves[f"{name}_drawdown"] = np.nan_to_num(drawdown.drawdown_series(equity), nan=0.0)
    rows = extreme_rows(list(curves.values()), stretches)
    thinned = {name: values[rows] for name, values in curves.items()}
    thinned["matched"] = _at_equal_risk(curves["strategy"], curves["benchmark"])[rows]
    equity = np.where(thinned["strategy"] > 0.0, thinned["strategy"], np.inf)
    exposed = {name: result.marks[name][:done][rows] / equity for name in ("gross", "net")}
    return {"t": result.marks["ts_ms"][:done][rows].astype(np.float64), **thinned, **exposed}


def _at_equal_risk(strategy: Floats, benchmark: Floats) -> Floats:
    ours, theirs = returns.simple_returns(strategy), returns.simple_returns(benchmark)
    spread = float(np.std(theirs)) if len(theirs) else 0.0
    if len(ours) == 0 or spread == 0.0:
        return benchmark
    growth = np.maximum(1.0 + theirs * (float(np.std(ours)) / spread), 0.0)
    return np.asarray(benchmark[0] * np.cumprod(np.append(1.0, growth)))


def rolling_points(result: RunResult) -> dict[str, Any]:
    """Return Sharpe ratio, volatility and beta over a rolling half-year of daily returns; a run of less has none.

    Runs shorter than a year roll over a quarter of their days.
    """
    year = periods_per_year(result.config.market.calendar, result.config.data.timeframe)
    done = min(len(result.marks), len(result.benchmark))
    days = run_days(result)[:done]
    ours, theirs = (Curve(marks[:done], days).daily_returns for marks in (result.marks, result.benchmark))
    window = max(_LEAST_WINDOW, round(min(year / 2, len(ours) / 4)))
    if min(len(ours), len(theirs)) < 2 * window:
        return {"window": window, "curves": None}
    curves = {
        "sharpe": relative.rolling_sharpe(ours, window, year),
        "benchmark_sharpe": relative.rolling_sharpe(theirs, window, year),
        "volatility": relative.rolling_volatility(ours, window, year),
        "benchmark_volatility": relative.rolling_volatility(theirs, window, year),
        "beta": relative.rolling_beta(ours, theirs, window),
    }
    stamps = result.marks["ts_ms"][returns.daily_rows(days)[1:]][window - 1 :]
    columns = {name: Column(values[window - 1 :], _PART) for name, values in curves.items()}
    return {"window": window, "curves": pack([("t", times(stamps)), *columns.items()])}


def daily_histogram(result: RunResult) -> dict[str, Any]:
    """Return `edges`, and the `strategy` and `benchmark` counts of daily returns between them."""
    days = run_days(result)
    done = min(len(result.marks), len(result.benchmark))
    ours, theirs = (Curve(marks[:done], days[:done]).daily_returns for marks in (result.marks, result.benchmark))
    both = histogram(np.concatenate([ours, theirs]), DAILY_BINS)
    edges = np.array(both["edges"])
    if len(edges) == 0:
        return {"edges": [], "strategy": [], "benchmark": [], "cut": False, "value_at_risk": None}
    counts = {name: _counts(change, edges) for name, change in (("strategy", ours), ("benchmark", theirs))}
    risk = distribution.value_at_risk(ours) if len(ours) else None
    return {"edges": both["edges"], **counts, "cut": both["cut"], "value_at_risk": risk}


def histogram(change: Floats, most: int) -> dict[str, Any]:
    """Return `edges` and `counts` of returns; zero is an edge, so that no bar mixes gains and losses.

    The outermost bars also hold what lies beyond the 1st and 99th percentile (`cut` says whether anything does).
    """
    if len(change) == 0:
        return {"edges": [], "counts": [], "cut": False}
    low, high = (float(value) for value in np.percentile(change, [1, 99]))
    low, high = min(low, 0.0), max(high, 0.0)
    width = (high - low) / min(most, max(4, int(np.sqrt(len(change)) * 2))) or 0.01
    edges = np.arange(np.floor(low / width), np.ceil(high / width) + 1) * width
    if len(edges) < 2:
        edges = np.array([-width, 0.0, width])
    cut = bool(np.any(change < edges[0]) or np.any(change > edges[-1]))
    return {"edges": [float(f"{edge:.6g}") for edge in edges], "counts": _counts(change, edges), "cut": cut}


def _counts(change: Floats, edges: Floats) -> list[int]:
    inside = np.clip(change, edges[0], np.nextafter(edges[-1], -np.inf))
    counts: list[int] = np.histogram(inside, edges)[0].tolist()
    return counts


def _falls(result: RunResult) -> list[dict[str, float]]:
    marks = result.marks
    ts_ms, equity = (np.ascontiguousarray(marks[name]) for name in ("ts_ms", "equity"))
    return [
        {"peak": fall.peak_ts_ms, "trough": fall.trough_ts_ms, "end": fall.end_ts_ms, "depth": fall.depth}
        for fall in drawdown.worst_drawdowns(ts_ms, drawdown.drawdown_series(equity), SHADED_DRAWDOWNS)
    ]

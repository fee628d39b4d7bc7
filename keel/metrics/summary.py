"""All figures of a run as one JSON-able tree: what metrics.json, the console table and the report show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.layout import BAR_PRESENT
from keel.domain.orders import EventKind
from keel.domain.timeframe import MS_PER_DAY, ROUND_THE_CLOCK, timeframe_ms
from keel.metrics import activity, distribution, drawdown, relative, returns, trades
from keel.metrics.instruments import instrument_figures
from keel.portfolio.trades_nb import round_trips
from keel.runs.result import RunResult

_DAYS_OF_A_YEAR: Final = 365.25
MOST_DRAWDOWNS: Final = 10
"""Drawdowns that are listed one by one."""


@dataclass(frozen=True, slots=True)
class Trades:
    """Hold a run's round trips: closed ones, and those still open at its end (arrays of TRADE)."""

    closed: NDArray[np.void]
    still_open: NDArray[np.void]


def periods_per_year(calendar: str, timeframe: str) -> float:
    """Return the number of returns in a year of the equity that ratios are computed from.

    Up to a day a bar that equity is daily: 365 for `24/7`, 252 for a calendar with sessions. Longer bars have one
    return each: 365.25 / their length in days.
    """
    days = timeframe_ms(timeframe) / MS_PER_DAY
    if days > 1:
        return _DAYS_OF_A_YEAR / days
    return 365 if calendar == ROUND_THE_CLOCK else 252


def run_trades(result: RunResult) -> Trades:
    """Return the round trips of a run; open ones are marked at their instrument's last close."""
    done = result.bars[: len(result.marks)]
    end_ts_ms = int(result.marks["ts_ms"][-1]) if len(result.marks) else 0
    rules = result.config.market.rules_for
    steps = np.array([float(rules(symbol).step_size) for symbol in result.symbols])
    return Trades(*round_trips(result.events, _last_closes(done), end_ts_ms, steps, result.mark_rates))


def run_days(result: RunResult) -> NDArray[np.int32]:
    """Return the trading day of each mark, in days since 1970-01-01."""
    return np.ascontiguousarray(result.bars["day"][: len(result.marks), 0])


def summarise(result: RunResult, run_trips: Trades | None = None) -> dict[str, Any]:
    """Return every figure of a run, nested by subject; what is not defined is None.

    Rates are fractions, money is account currency, times are ISO 8601 in UTC. `run_trips` saves computing
    `run_trades` twice. The tree depends on config, data and seed only, so equal runs give equal trees.
    """
    trips = run_trades(result) if run_trips is None else run_trips
    days = run_days(result)
    year = periods_per_year(result.config.ratio_calendar, result.config.data.timeframe)
    tree = {
        "status": result.status,
        "period": _period(result, days, year),
        **_curves(result, days, year),
        **_activity(result),
        "trades": trades.trade_summary(trips.closed, trips.still_open),
        "instruments": instrument_figures(result.events, trips.closed, trips.still_open, result.symbols),
    }
    return {name: _jsonable(branch) for name, branch in tree.items()}


def _curves(result: RunResult, days: NDArray[np.integer], year: float) -> dict[str, Any]:
    marks, held = result.marks, result.benchmark
    fills = result.events[result.events["kind"] == EventKind.FILLED]
    years = len(returns.daily_rows(days)[1:]) / year
    ours, theirs = (daily_equity(each, days[: len(each)]) for each in (marks, held))
    own, market = (returns.simple_returns(daily) for daily in (ours, theirs))
    strategy = curve_figures(marks, days, year)
    strategy["turnover"] = activity.turnover(activity.traded_notional(fills), marks["equity"], years)
    benchmark = curve_figures(held, days[: len(held)], year)
    # Its fills are not kept; what it bought and sold is what its cash changed by.
    benchmark["turnover"] = activity.turnover(activity.cash_moved(held), held["equity"], years)
    daily_days = days[returns.daily_rows(days)]
    worst = drawdown.worst_drawdowns(_column(marks, "ts_ms"), _column(marks, "equity"), MOST_DRAWDOWNS)
    return {
        "strategy": strategy,
        "benchmark": benchmark,
        "relative": relative.relative_figures(own, market, year),
        "periods": distribution.period_figures(daily_days, ours),
        "drawdowns": [_fall_row(fall) for fall in worst],
    }


def _activity(result: RunResult) -> dict[str, Any]:
    events = result.events
    fills = events[events["kind"] == EventKind.FILLED]
    return {
        "costs": {"currency": result.config.account.currency, **activity.cost_summary(fills)},
        "cashflows": activity.cashflow_summary(events),
        "signals": dict(result.signals),
        "orders": {**activity.order_counts(events), "timeouts": result.timeouts},
        "rejections": activity.reasons(events, EventKind.DENIED, EventKind.REJECTED),
        "cancellations": activity.reasons(events, EventKind.CANCELED, EventKind.EXPIRED),
        "reasons": activity.order_reasons(events),
        "clipped": _without_none(activity.reasons(events, EventKind.SUBMITTED)),
    }


def daily_equity(marks: NDArray[np.void], days: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the equity that ratios are computed from: the first mark of MARK records, then the last of each day."""
    return np.ascontiguousarray(marks["equity"][returns.daily_rows(days)])


def curve_figures(marks: NDArray[np.void], days: NDArray[np.integer], year: float) -> dict[str, Any]:
    """Return the figures of one equity curve (MARK array) whose marks fall on these trading days.

    Ratios come from daily equity (that of each bar, where bars are longer) with `year` returns a year, drawdowns and
    exposure from every mark.
    """
    equity, ts_ms = _column(marks, "equity"), _column(marks, "ts_ms")
    daily = daily_equity(marks, days)
    daily_returns = returns.simple_returns(daily)
    growth = returns.cagr(daily, year)
    deepest = drawdown.max_drawdown(equity)
    return {
        "start_equity": float(equity[0]) if len(equity) else math.nan,
        "end_equity": float(equity[-1]) if len(equity) else math.nan,
        "total_return": returns.total_return(equity),
        "cagr": growth,
        "annual_volatility": returns.annual_volatility(daily_returns, year),
        "sharpe": returns.sharpe(daily_returns, year),
        "sortino": returns.sortino(daily_returns, year),
        "probabilistic_sharpe": distribution.probabilistic_sharpe(daily_returns),
        "calmar": returns.calmar(growth, deepest),
        "max_drawdown": deepest,
        **_fall_figures(drawdown.deepest_drawdown(ts_ms, equity)),
        "longest_drawdown_days": drawdown.longest_drawdown_days(ts_ms, equity),
        "time_under_water": drawdown.time_under_water(equity),
        "ulcer_index": drawdown.ulcer_index(equity),
        "value_at_risk": distribution.value_at_risk(daily_returns),
        "expected_shortfall": distribution.expected_shortfall(daily_returns),
        "tail_ratio": distribution.tail_ratio(daily_returns),
        "skewness": distribution.skewness(daily_returns),
        "kurtosis": distribution.kurtosis(daily_returns),
        "exposure": activity.exposure(marks["gross"], equity),
        "time_in_market": activity.time_in_market(marks["gross"], equity),
    }


def _fall_figures(fall: drawdown.Drawdown | None) -> dict[str, Any]:
    if fall is None:
        return {"max_drawdown_days": 0.0, "max_drawdown_peak": None, "max_drawdown_trough": None,
                "max_drawdown_recovered": None}  # fmt: skip
    return {
        "max_drawdown_days": fall.days,
        "max_drawdown_peak": iso_utc(fall.peak_ts_ms),
        "max_drawdown_trough": iso_utc(fall.trough_ts_ms),
        "max_drawdown_recovered": fall.recovered,
    }


def _fall_row(fall: drawdown.Drawdown) -> dict[str, Any]:
    return {
        "depth": fall.depth,
        "peak": iso_utc(fall.peak_ts_ms),
        "trough": iso_utc(fall.trough_ts_ms),
        "end": iso_utc(fall.end_ts_ms),
        "days": fall.days,
        "recovered": fall.recovered,
    }


def _period(result: RunResult, days: NDArray[np.integer], year: float) -> dict[str, Any]:
    done = len(result.marks)
    start, end = _bounds(result)
    return {
        "start": iso_utc(start) if done else None,
        "end": iso_utc(end) if done else None,
        "days": (end - start) / MS_PER_DAY,
        "trading_days": len(np.unique(days)),
        "bars": done,
        "bars_planned": len(result.bars),
        "timeframe": result.config.data.timeframe,
        "symbols": list(result.symbols),
        "periods_per_year": year,
        "halted": None if result.halted_ts_ms is None else iso_utc(result.halted_ts_ms),
    }


def _bounds(result: RunResult) -> tuple[int, int]:
    if len(result.marks) == 0:
        return 0, 0
    first = result.bars[0]
    present = (first["flags"] & BAR_PRESENT) != 0
    opened = first["open_ts_ms"][present] if np.any(present) else first["close_ts_ms"]
    return int(np.min(opened)), int(result.marks["ts_ms"][-1])


def _last_closes(bars: NDArray[np.void]) -> NDArray[np.float64]:
    closes = np.zeros(bars.shape[1])
    for i in range(bars.shape[1]):
        present = np.flatnonzero(bars["flags"][:, i] & BAR_PRESENT)
        if len(present):
            closes[i] = bars["close"][present[-1], i]
    return closes


def iso_utc(ts_ms: int) -> str:
    """Return a time as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(ts_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _column(marks: NDArray[np.void], name: str) -> NDArray[Any]:
    return np.ascontiguousarray(marks[name])


def _without_none(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if name != "none"}


def _jsonable(value: object) -> object:
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value

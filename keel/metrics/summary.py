"""All figures of a run as one JSON-able tree: what metrics.json, the console table and the report show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.layout import BAR_PRESENT
from keel.domain.orders import EventKind
from keel.domain.timeframe import MS_PER_DAY, ROUND_THE_CLOCK, timeframe_ms
from keel.metrics import activity, distribution, drawdown, relative, trades
from keel.metrics.activity import of_kind
from keel.metrics.curve import Curve, curve_figures, headline_figures, iso_utc
from keel.metrics.instruments import instrument_figures
from keel.portfolio.trades_nb import round_trips
from keel.runs.result import Played, RunResult

if TYPE_CHECKING:
    from keel.config.modes import RunConfig

_DAYS_OF_A_YEAR: Final = 365.25
MOST_DRAWDOWNS: Final = 10
"""Drawdowns that are listed one by one."""
_BLOCK: Final = 4096
"""Rows looked at together for the last bar of an instrument."""


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


def run_trades(played: Played) -> Trades:
    """Return the round trips of a run; open ones are marked at their instrument's last close."""
    done = played.bars[: len(played.marks)]
    end_ts_ms = int(played.marks["ts_ms"][-1]) if len(played.marks) else 0
    rules = played.config.market.rules_for
    steps = np.array([float(rules(symbol).step_size) for symbol in played.symbols])
    return Trades(*round_trips(played.events, _last_closes(done), end_ts_ms, steps, played.mark_rates))


def run_days(played: Played) -> NDArray[np.int32]:
    """Return the trading day of each mark, in days since 1970-01-01."""
    days: NDArray[np.int32] = played.bars["day"][: len(played.marks), 0]
    return days


def run_year(config: RunConfig) -> float:
    """Return how many returns a year of a run of this config has."""
    return periods_per_year(config.ratio_calendar, config.data.timeframe)


def summarise(result: RunResult, run_trips: Trades | None = None) -> dict[str, Any]:
    """Return every figure of a run, nested by subject; what is not defined is None.

    Rates are fractions, money is account currency, times are ISO 8601 in UTC. `run_trips` saves computing
    `run_trades` twice. The tree depends on config, data and seed only, so equal runs give equal trees.
    """
    trips = run_trades(result) if run_trips is None else run_trips
    year, curve = run_year(result.config), Curve(result.marks, run_days(result))
    fills = of_kind(result.events, EventKind.FILLED)
    tree = {
        "status": result.status,
        "period": _period(result, curve, year),
        **_curves(result, curve, fills, year),
        **_activity(result, fills),
        "trades": trades.trade_summary(trips.closed, trips.still_open),
        "instruments": instrument_figures(result.events, trips.closed, trips.still_open, result.symbols),
    }
    return {name: _jsonable(branch) for name, branch in tree.items()}


def headline(played: Played) -> dict[str, Any]:
    """Return the branches and figures of `summarise` that a search compares trials by, and no others."""
    year, curve = run_year(played.config), Curve(played.marks, run_days(played))
    fills, closed = of_kind(played.events, EventKind.FILLED), run_trades(played).closed
    tree = {
        "period": {"trading_days": curve.trading_days, "periods_per_year": year},
        "strategy": headline_figures(curve, year) | {"turnover": _turnover(curve, fills, year)},
        "costs": {"total": {"paid": sum(activity.costs_paid(fills).values())}},
        "trades": {
            "closed": len(closed),
            "win_rate": trades.win_rate(closed["pnl"]),
            "profit_factor": trades.profit_factor(closed["pnl"]),
        },
    }
    return {name: _jsonable(branch) for name, branch in tree.items()}


def _turnover(curve: Curve, fills: NDArray[np.void], year: float) -> float:
    return activity.turnover(activity.traded_notional(fills), curve.scan.mean_equity, curve.years(year))


def _curves(result: RunResult, curve: Curve, fills: NDArray[np.void], year: float) -> dict[str, Any]:
    held = Curve(result.benchmark, curve.days[: len(result.benchmark)])
    strategy, benchmark = curve_figures(curve, year), curve_figures(held, year)
    strategy["turnover"] = _turnover(curve, fills, year)
    # Its fills are not kept; what it bought and sold is what its cash changed by.
    benchmark["turnover"] = activity.turnover(activity.cash_moved(held.marks), held.scan.mean_equity, curve.years(year))
    worst = drawdown.worst_drawdowns(curve.ts_ms, curve.drawdowns, MOST_DRAWDOWNS)
    return {
        "strategy": strategy,
        "benchmark": benchmark,
        "relative": relative.relative_figures(curve.daily_returns, held.daily_returns, year),
        "periods": distribution.period_figures(curve.days[curve.daily_rows], curve.daily_equity),
        "drawdowns": [_fall_row(fall) for fall in worst],
    }


def _activity(result: RunResult, fills: NDArray[np.void]) -> dict[str, Any]:
    events = result.events
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


def _fall_row(fall: drawdown.Drawdown) -> dict[str, Any]:
    return {
        "depth": fall.depth,
        "peak": iso_utc(fall.peak_ts_ms),
        "trough": iso_utc(fall.trough_ts_ms),
        "end": iso_utc(fall.end_ts_ms),
        "days": fall.days,
        "recovered": fall.recovered,
    }


def _period(result: RunResult, curve: Curve, year: float) -> dict[str, Any]:
    done = len(result.marks)
    start, end = _bounds(result)
    return {
        "start": iso_utc(start) if done else None,
        "end": iso_utc(end) if done else None,
        "days": (end - start) / MS_PER_DAY,
        "trading_days": curve.trading_days,
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
        row = _last_present(bars["flags"][:, i])
        closes[i] = bars["close"][row, i] if row >= 0 else 0.0
    return closes


def _last_present(flags: NDArray[np.integer]) -> int:
    """Return the last row that has a bar, -1 where none has: from the end, where it most often is."""
    for stop in range(len(flags), 0, -_BLOCK):
        start = max(stop - _BLOCK, 0)
        there = np.flatnonzero(flags[start:stop] & BAR_PRESENT)
        if len(there):
            return start + int(there[-1])
    return -1


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

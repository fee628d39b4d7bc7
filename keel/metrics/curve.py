"""Figures of one equity curve; what several of them need is computed once."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from keel.metrics import activity, distribution, drawdown, returns
from keel.metrics.curve_nb import scan_nb
from keel.metrics.deflated import probabilistic_sharpe, sharpe_estimate

Floats = NDArray[np.float64]


class Scan(NamedTuple):
    """Hold what one walk over a curve's marks tells."""

    max_drawdown: float
    """The deepest fall from a peak as a fraction, zero or negative; NaN for fewer than two marks."""
    exposure: float
    """The mean of gross position value / equity over marks with positive equity; NaN without any."""
    mean_equity: float
    """In account currency; 0 without marks."""


def scan(equity: Floats, gross: Floats) -> Scan:
    """Walk over the equity and the gross position value at each mark, once."""
    deepest, exposure, mean = scan_nb(equity, gross)
    return Scan(deepest if len(equity) >= 2 and math.isfinite(deepest) else math.nan, exposure, mean)


class Curve:
    """Hold one equity curve: MARK records, and the trading day of each."""

    def __init__(self, marks: NDArray[np.void], days: NDArray[np.integer]) -> None:
        self.marks, self.days = marks, days

    @cached_property
    def ts_ms(self) -> NDArray[np.int64]:
        """Return the time of each mark."""
        return np.ascontiguousarray(self.marks["ts_ms"])

    @cached_property
    def equity(self) -> Floats:
        """Return the equity at each mark."""
        return np.ascontiguousarray(self.marks["equity"])

    @cached_property
    def gross(self) -> Floats:
        """Return the gross position value at each mark."""
        return np.ascontiguousarray(self.marks["gross"])

    @cached_property
    def scan(self) -> Scan:
        """Return what one walk over all marks tells; it reads them where they lie."""
        return scan(self.marks["equity"], self.marks["gross"])

    @cached_property
    def drawdowns(self) -> Floats:
        """Return the fall from the highest equity so far at each mark."""
        return drawdown.drawdown_series(self.equity)

    @cached_property
    def daily_rows(self) -> NDArray[np.intp]:
        """Return the rows of the first mark and of the last of each day."""
        return returns.daily_rows(self.days)

    @cached_property
    def daily_equity(self) -> Floats:
        """Return the equity that ratios are computed from: the first mark, then the last of each day."""
        daily: Floats = self.marks["equity"][self.daily_rows]
        return daily

    @cached_property
    def daily_returns(self) -> Floats:
        """Return the returns from one daily equity to the next."""
        return returns.simple_returns(self.daily_equity)

    def years(self, year: float) -> float:
        """Return how long the curve is, where a year has so many daily returns."""
        return len(self.daily_rows[1:]) / year

    @property
    def trading_days(self) -> int:
        """Return how many trading days have a mark."""
        # The first mark is a row of its own, unless it is the only one of its day.
        apart = len(self.days) > 1 and self.days[0] == self.days[1]
        return len(self.daily_rows) - int(apart)


def headline_figures(curve: Curve, year: float) -> dict[str, float]:
    """Return the figures that runs are compared by first, but turnover; `year` is how many returns a year has.

    Ratios come from daily equity (that of each bar, where bars are longer), drawdown and exposure from every mark.
    """
    daily = curve.daily_returns
    growth, deepest = returns.cagr(curve.daily_equity, year), curve.scan.max_drawdown
    return {
        "total_return": returns.total_return(curve.daily_equity),
        "cagr": growth,
        "annual_volatility": returns.annual_volatility(daily, year),
        "sharpe": returns.sharpe(daily, year),
        "sortino": returns.sortino(daily, year),
        "calmar": returns.calmar(growth, deepest),
        "max_drawdown": deepest,
        "exposure": curve.scan.exposure,
    }


def curve_figures(curve: Curve, year: float) -> dict[str, Any]:
    """Return all figures of a curve but turnover; see `headline_figures`."""
    equity, daily, series = curve.equity, curve.daily_returns, curve.drawdowns
    head = headline_figures(curve, year)
    exposure = head.pop("exposure")
    calmar, deepest = head.pop("calmar"), head.pop("max_drawdown")
    return {
        "start_equity": float(equity[0]) if len(equity) else math.nan,
        "end_equity": float(equity[-1]) if len(equity) else math.nan,
        **head,
        "probabilistic_sharpe": probabilistic_sharpe(sharpe_estimate(daily)),
        "calmar": calmar,
        "max_drawdown": deepest,
        **_fall_figures(drawdown.deepest_drawdown(curve.ts_ms, series)),
        "longest_drawdown_days": drawdown.longest_drawdown_days(curve.ts_ms, series),
        "time_under_water": drawdown.time_under_water(series),
        "ulcer_index": drawdown.ulcer_index(series),
        "value_at_risk": distribution.value_at_risk(daily),
        "expected_shortfall": distribution.expected_shortfall(daily),
        "tail_ratio": distribution.tail_ratio(daily),
        "skewness": distribution.skewness(daily),
        "kurtosis": distribution.kurtosis(daily),
        "exposure": exposure,
        "time_in_market": activity.time_in_market(curve.gross, equity),
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


def iso_utc(ts_ms: int) -> str:
    """Return a time as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(ts_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

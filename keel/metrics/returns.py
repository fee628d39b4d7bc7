"""Return and risk figures of a daily equity curve.

Headline ratios use daily equity: the first mark of the run, then the last mark of each trading day (docs/execution.md,
rule 22), so that the daily returns compound to the run's total return. A year has `periods_per_year` of them: 252 for
stocks, 365 round the clock; bars longer than a day have one return each and 365.25 / their length in days a year. The
formulas are those of the empyrical library, checked against it to 1e-9. What is not defined (too few days, no spread,
a lost account) is NaN, never infinite and never a warning.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.metrics.curve_nb import day_ends_nb

Floats = NDArray[np.float64]

_ROUNDING: Final = 1e-12
"""Deviation of returns, and drawdown, below which there is only rounding."""


def daily_rows(days: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return the rows that make up daily equity: row 0, then the last row of each day.

    `days` holds one day number a mark, never falling. Where the first day has a single mark it stands once.
    """
    if len(days) == 0:
        return np.zeros(0, dtype=np.intp)
    ends = np.empty(len(days), dtype=np.intp)
    ends = ends[: day_ends_nb(days, ends)]
    return ends if ends[0] == 0 else np.append(0, ends)


@np.errstate(over="ignore")
def simple_returns(equity: Floats) -> Floats:
    """Return `equity[i] / equity[i - 1] - 1`, one fewer than given.

    A curve that was not positive everywhere before its end has none.
    """
    if len(equity) < 2 or not np.all(equity[:-1] > 0.0):
        return np.zeros(0)
    return np.asarray(equity[1:] / equity[:-1] - 1.0)


@np.errstate(over="ignore")
def total_return(equity: Floats) -> float:
    """Return `last / first - 1`, a fraction; NaN for fewer than two points."""
    if len(equity) < 2 or equity[0] <= 0.0:
        return math.nan
    return _finite(equity[-1] / equity[0] - 1.0)


def cagr(daily_equity: Floats, periods_per_year: float) -> float:
    """Return the compound annual growth rate `(last / first) ^ (periods_per_year / days) - 1`.

    `days` is the number of daily returns; -1 when everything is lost; NaN without a return or beyond float range.
    """
    growth = 1.0 + total_return(daily_equity)
    if math.isnan(growth):
        return math.nan
    if growth <= 0.0:
        return -1.0
    exponent = math.log(growth) * periods_per_year / (len(daily_equity) - 1)
    return math.expm1(exponent) if exponent < 700.0 else math.nan


@np.errstate(over="ignore", invalid="ignore")
def annual_volatility(returns: Floats, periods_per_year: float) -> float:
    """Return the sample deviation (n - 1) of daily returns × √periods_per_year, a fraction; NaN for fewer than two."""
    if len(returns) < 2:
        return math.nan
    return _finite(np.std(returns, ddof=1) * math.sqrt(periods_per_year))


@np.errstate(over="ignore", invalid="ignore")
def sharpe(returns: Floats, periods_per_year: float, risk_free: float = 0.0) -> float:
    """Return mean / deviation of daily excess returns × √periods_per_year (Sharpe 1994).

    `risk_free` is a daily rate. NaN for fewer than two returns, or when they do not differ.
    """
    excess = returns - risk_free
    if len(excess) < 2:
        return math.nan
    deviation = float(np.std(excess, ddof=1))
    if deviation <= _ROUNDING * max(1.0, float(np.max(np.abs(excess)))):
        return math.nan
    return _finite(float(np.mean(excess)) / deviation * math.sqrt(periods_per_year))


@np.errstate(over="ignore", invalid="ignore")
def sortino(returns: Floats, periods_per_year: float, risk_free: float = 0.0) -> float:
    """Return mean daily excess return × √periods_per_year / √mean(min(excess, 0)²) (Sortino and Price 1994).

    `risk_free` is a daily rate. NaN for fewer than two returns, or when none falls short.
    """
    excess = returns - risk_free
    if len(excess) < 2:
        return math.nan
    downside = math.sqrt(float(np.mean(np.square(np.minimum(excess, 0.0)))))
    if downside <= _ROUNDING * max(1.0, float(np.max(np.abs(excess)))):
        return math.nan
    return _finite(float(np.mean(excess)) / downside * math.sqrt(periods_per_year))


def calmar(annual_growth: float, max_drawdown: float) -> float:
    """Return annual growth / |largest drawdown| (Young 1991); NaN when there was none to speak of."""
    return annual_growth / -max_drawdown if max_drawdown < -_ROUNDING else math.nan


@np.errstate(over="ignore")
def monthly_returns(days: NDArray[np.integer], equity: Floats) -> list[tuple[int, int, float]]:
    """Return `(year, month, return)` of each calendar month seen, from the daily equity of `daily_rows`.

    `days` (since 1970-01-01) belong to `equity`; a month's return starts at the last equity of the month before, the
    first month's at the first mark. A month entered without equity is NaN.
    """
    if len(equity) == 0:
        return []
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    ends = np.append(np.flatnonzero(np.diff(months)), len(months) - 1)
    last = equity[ends]
    first = np.append(equity[0], last[:-1])
    change = np.full(len(ends), np.nan)
    np.divide(last, first, out=change, where=first > 0.0)
    return [
        (1970 + int(month) // 12, int(month) % 12 + 1, float(value))
        for month, value in zip(months[ends], change - 1.0, strict=True)
    ]


def _finite(value: float | np.floating[Any]) -> float:
    return float(value) if math.isfinite(value) else math.nan

"""How daily returns are spread: tails, shape, and what a day, week, month, quarter or year brought.

Tail figures are historical: read off the returns that were, not off a normal curve fitted to them. They equal the
empyrical library's; what is not defined is NaN.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TAIL: Final = 0.05
"""Part of all days in each tail."""
_LEAST_SKEW: Final = 3
_LEAST_KURTOSIS: Final = 4
_SPREAD: Final = 1e-12

HORIZONS: Final = ("day", "week", "month", "quarter", "year")


def value_at_risk(returns: Floats) -> float:
    """Return the 5th percentile of returns: on one day in twenty it was worse; a fraction, NaN of nothing."""
    return float(np.percentile(returns, TAIL * 100)) if len(returns) else math.nan


def expected_shortfall(returns: Floats) -> float:
    """Return the mean of the worst twentieth of returns (conditional value at risk); NaN of nothing."""
    if len(returns) == 0:
        return math.nan
    worst = int((len(returns) - 1) * TAIL) + 1
    return float(np.mean(np.partition(returns, worst - 1)[:worst]))


def tail_ratio(returns: Floats) -> float:
    """Return |95th percentile| / |5th percentile|: above 1 the good days outweigh the bad; NaN without bad ones."""
    if len(returns) == 0:
        return math.nan
    high, low = (abs(float(np.percentile(returns, q))) for q in (100 - TAIL * 100, TAIL * 100))
    return high / low if low > _SPREAD else math.nan


def skewness(returns: Floats) -> float:
    """Return the sample skewness (adjusted, G1): below 0 the losses are the larger moves; NaN for fewer than three."""
    n, second, third, _ = _moments(returns)
    if n < _LEAST_SKEW or second <= 0.0:
        return math.nan
    return third / math.sqrt(second) ** 3 * math.sqrt(n * (n - 1)) / (n - 2)


def kurtosis(returns: Floats) -> float:
    """Return the sample excess kurtosis (adjusted, G2): 0 for a normal curve; NaN for fewer than four."""
    n, second, _, fourth = _moments(returns)
    if n < _LEAST_KURTOSIS or second <= 0.0:
        return math.nan
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (fourth / second**2 - 3.0) + 6.0)


def period_keys(days: NDArray[np.integer], horizon: str) -> NDArray[np.int64]:
    """Return the number of the day, week (from Monday), month, quarter or year that each day since 1970 falls in."""
    if horizon == "day":
        return days.astype(np.int64)
    if horizon == "week":
        return (days.astype(np.int64) + 3) // 7  # 1970-01-01 was a Thursday
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return np.asarray(months // {"month": 1, "quarter": 3, "year": 12}[horizon])


@np.errstate(over="ignore")
def period_returns(days: NDArray[np.integer], equity: Floats, horizon: str) -> Floats:
    """Return the return of each period seen, from daily equity; the first starts at the first mark.

    Row 0 is the run's start and not a day of its own (`returns.daily_rows`). Empty where equity was not positive.
    """
    if len(equity) < 2 or not np.all(equity[:-1] > 0.0):
        return np.zeros(0)
    keys = period_keys(days, horizon)[1:]
    ends = np.append(np.flatnonzero(np.diff(keys)), len(keys) - 1) + 1
    last = equity[ends]
    return np.asarray(last / np.append(equity[0], last[:-1]) - 1.0)


def period_figures(days: NDArray[np.integer], equity: Floats) -> dict[str, dict[str, Any]]:
    """Return by horizon: how many periods, the part that gained, worst, 5th percentile, median, mean, 95th, best."""
    return {horizon: _spread(period_returns(days, equity, horizon)) for horizon in HORIZONS}


def _spread(change: Floats) -> dict[str, Any]:
    if len(change) == 0:
        return {"periods": 0}
    low, middle, high = (float(value) for value in np.percentile(change, [5, 50, 95]))
    return {
        "periods": len(change),
        "gained": float(np.count_nonzero(change > 0.0) / len(change)),
        "worst": float(np.min(change)),
        "low": low,
        "median": middle,
        "mean": float(np.mean(change)),
        "high": high,
        "best": float(np.max(change)),
    }


@np.errstate(over="ignore", invalid="ignore")
def _moments(returns: Floats) -> tuple[int, float, float, float]:
    if len(returns) == 0:
        return 0, 0.0, 0.0, 0.0
    apart = returns - np.mean(returns)
    second, third, fourth = (float(np.mean(apart**power)) for power in (2, 3, 4))
    known = math.isfinite(fourth) and second > _SPREAD**2 * max(1.0, float(np.max(np.abs(returns)))) ** 2
    return len(returns), second if known else 0.0, third, fourth

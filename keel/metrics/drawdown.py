"""Falls from a peak, measured on every mark."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keel.domain.timeframe import MS_PER_DAY


@dataclass(frozen=True, slots=True)
class Drawdown:
    """Describe one fall: from the last mark at its peak to the first mark back there, or to the end of the run.

    `depth` is a fraction, zero or negative.
    """

    depth: float
    peak_ts_ms: int
    trough_ts_ms: int
    end_ts_ms: int
    recovered: bool

    @property
    def days(self) -> float:
        """Return its length in calendar days of 24 hours."""
        return (self.end_ts_ms - self.peak_ts_ms) / MS_PER_DAY


@np.errstate(over="ignore")
def drawdown_series(equity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `equity / highest equity so far - 1` at each mark; NaN while the highest is not positive."""
    peak = np.maximum.accumulate(equity)
    ratio = np.full(len(equity), np.nan)
    np.divide(equity, peak, out=ratio, where=peak > 0.0)
    return ratio - 1.0


def max_drawdown(equity: NDArray[np.float64]) -> float:
    """Return the deepest fall from a peak as a fraction, zero or negative; NaN for fewer than two marks."""
    series = drawdown_series(equity)
    depth = float(np.min(series)) if len(series) >= 2 else math.nan
    return depth if math.isfinite(depth) else math.nan


def deepest_drawdown(ts_ms: NDArray[np.int64], equity: NDArray[np.float64]) -> Drawdown | None:
    """Return the deepest fall of an equity curve, or None where equity never fell."""
    series = drawdown_series(equity)
    if len(series) == 0 or not np.min(series) < 0.0:
        return None
    trough = int(np.argmin(series))
    at_peak = np.flatnonzero(series == 0.0)
    after = int(np.searchsorted(at_peak, trough))
    recovered = after < len(at_peak)
    end = int(at_peak[after]) if recovered else len(equity) - 1
    peak = int(at_peak[after - 1])
    return Drawdown(float(series[trough]), int(ts_ms[peak]), int(ts_ms[trough]), int(ts_ms[end]), recovered)


def longest_drawdown_days(ts_ms: NDArray[np.int64], equity: NDArray[np.float64]) -> float:
    """Return the longest time spent below a peak, in days of 24 hours; 0 where equity never fell, NaN without marks."""
    if len(equity) == 0:
        return math.nan
    at_peak = np.flatnonzero(drawdown_series(equity) == 0.0)
    if len(at_peak) == 0:
        return math.nan
    falls = np.diff(at_peak) > 1
    times = ts_ms[at_peak]
    spells = np.append(np.diff(times)[falls], ts_ms[-1] - times[-1])
    return float(np.max(spells)) / MS_PER_DAY

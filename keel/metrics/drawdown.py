"""Falls from a peak, measured on every mark: figures of a drawdown series, which is computed once for all of them."""

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


def deepest_drawdown(ts_ms: NDArray[np.int64], series: NDArray[np.float64]) -> Drawdown | None:
    """Return the deepest fall of a drawdown series, or None where equity never fell."""
    falls = worst_drawdowns(ts_ms, series, 1)
    return falls[0] if falls else None


def worst_drawdowns(ts_ms: NDArray[np.int64], series: NDArray[np.float64], most: int) -> list[Drawdown]:
    """Return the `most` deepest falls of a drawdown series, deepest first; of equally deep ones the earlier first."""
    if len(series) == 0 or math.isnan(series[0]):
        return []
    peaks = np.flatnonzero(series == 0.0)
    ends = np.append(peaks[1:], len(series) - 1)
    fell = np.append(np.diff(peaks) > 1, peaks[-1] < len(series) - 1)
    depths = np.minimum.reduceat(series, peaks)
    falls = np.flatnonzero(fell)
    ranked = falls[np.argsort(depths[falls], kind="stable")[:most]]
    return [_fall(ts_ms, series, int(peaks[i]), int(ends[i])) for i in ranked]


def time_under_water(series: NDArray[np.float64]) -> float:
    """Return the part of marks below the highest equity so far, from a drawdown series; NaN without marks."""
    return float(np.count_nonzero(series < 0.0) / len(series)) if len(series) else math.nan


def ulcer_index(series: NDArray[np.float64]) -> float:
    """Return the root mean square of a drawdown series, a fraction (Martin 1987); NaN where undefined."""
    return math.sqrt(float(np.mean(np.square(series)))) if len(series) >= 2 and math.isfinite(series[0]) else math.nan


def longest_drawdown_days(ts_ms: NDArray[np.int64], series: NDArray[np.float64]) -> float:
    """Return the longest time spent below a peak, in days of 24 hours; 0 where equity never fell, NaN without marks."""
    at_peak = np.flatnonzero(series == 0.0)
    if len(at_peak) == 0:
        return math.nan
    falls = np.diff(at_peak) > 1
    times = ts_ms[at_peak]
    spells = np.append(np.diff(times)[falls], ts_ms[-1] - times[-1])
    return float(np.max(spells)) / MS_PER_DAY


def _fall(ts_ms: NDArray[np.int64], series: NDArray[np.float64], peak: int, end: int) -> Drawdown:
    trough = peak + int(np.argmin(series[peak : end + 1]))
    recovered = bool(series[end] == 0.0)
    return Drawdown(float(series[trough]), int(ts_ms[peak]), int(ts_ms[trough]), int(ts_ms[end]), recovered)
